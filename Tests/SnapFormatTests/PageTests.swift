// SPDX-License-Identifier: MIT
//
// The numbers of man/snapfs-format.5 are those of the code.

import SnapBase
import SnapCrypto
import SnapFormat
import SnapTestSupport
import Testing

@Suite struct PageTests {
    private static let page = Result {
        String(
            decoding: try readFile(Vector.sourceFolder + "/man/snapfs-format.5"), as: UTF8.self
        )
        .split(whereSeparator: \.isWhitespace).joined(separator: " ")
    }

    private static func grouped(_ number: Int) -> String {
        let digits = String(number)
        var out = ""
        for (index, digit) in digits.enumerated() {
            if index > 0 && (digits.count - index) % 3 == 0 { out += "," }
            out.append(digit)
        }
        return out
    }

    private static let standard = Configuration.Chunking()

    /// A sentence of the page, with the code's number in it.
    private static let sentences: [String] = [
        "The file is \(Slot.size) bytes, its name the first 16 bytes of its SHA-256",
        "scrypt log2 N (1..\(Scrypt.logNMax); 0 without stretching; "
            + "written: \(Stretching.standard.logN))",
        "scrypt r (1..\(Scrypt.rMax); 0; written: \(Stretching.standard.r))",
        "scrypt p (1..\(Scrypt.pMax); 0; written: \(Stretching.standard.p))",
        "Slots are tried in ascending order of names, at most \(Slot.countMax).",
        "slot count s, 1..\(Slot.countMax)",
        "4 magic \"\(String(decoding: Slot.magic, as: UTF8.self))\"",
        "4 magic \"\(String(decoding: Keyring.magic, as: UTF8.self))\"",
        "4 magic \"\(String(decoding: ContainerHeader.magic, as: UTF8.self))\"",
        "\(ContainerHeader.size) records PRK",
        "one byte each, and then, for the record at offset \(ContainerHeader.size)",
        "AES-256-GCM with a \(SealingKey.tagSize)-byte tag",
        "Such a file is at most \(ContainerHeader.wholeFileSizeMax >> 20) MiB.",
        "maximum, bytes (\(standard.minimum), \(standard.target), \(standard.maximum))",
        "bring the file to a multiple of 4,096 bytes",
        "byte strings of at most \(RecordHead.rawSizeMax >> 20) MiB",
        "File content is a list of extents of \(Extent.size) bytes",
        "A list of more than \(Extent.inlineMax) extents is a tree of list objects.",
        "extents, n * \(Extent.size) bytes (at most \(Extent.inlineMax))",
        "entry count, 1..\(ListNode.countMax)",
        "Levels are at most \(ListNode.levelMax).",
        "after its \(grouped(ListNode.cutMax))th entry, and from the \(ListNode.cutMin)th on",
        "A node is at most \(DirectoryNode.sizeMax >> 20) MiB",
        "n index over nodes of level n-1 (at most \(DirectoryNode.levelMax))",
        "\(DirectoryNode.headerSize) n records (leaf: \(DirectoryNode.leafRecordSize) bytes, "
            + "index: \(DirectoryNode.indexRecordSize) bytes)",
        "inline content (at most \(Content.inlineMax) bytes)",
        "Files up to \(Content.inlineMax) bytes without holes go inline.",
        "Runs over \(grouped(ExtendedAttribute.inlineMax)) bytes are objects of their own.",
        "runs end before \(RecordHead.groupSize >> 10) KiB are exceeded",
        "header \(ContainerHeader.size) | record 0 | ... | record n-1 | trailer | "
            + "footer \(PackTrailer.footerSize)",
        "it is the last \(PackTrailer.footerSize) bytes",
        "Packs are about \(PackTrailer.packSizeTarget >> 20) MiB and below "
            + "\(PackTrailer.packSizeMax >> 30) GiB",
        "records of exactly \(grouped(IndexHeader.pageSize)) bytes "
            + "(\(grouped(IndexHeader.sealedPageSize)) sealed)",
        "padded with zeros to a multiple of \(IndexHeader.alignment) bytes",
        "fan-out bits k, 0..\(IndexHeader.fanOutBitsMax)",
        "p x \(PackDescription.size) bytes { name 32",
        "n x \(IndexEntry.size) bytes in strictly ascending order of id",
        "s x \(ObjectID.size) bytes, names of segments",
        "error (list, the first \(grouped(Manifest.problemsMax)))",
        "\"snapfs \(Marker.version)\\en\"",
    ]

    @Test(arguments: sentences) func pageSaysTheNumberOfTheCode(sentence: String) throws {
        #expect(try Self.page.get().contains(sentence), "\(sentence)")
    }

    @Test func pageNamesEveryKindOfFileAndObject() throws {
        let page = try Self.page.get()
        let kinds: [(FileKind, String)] = [
            (.config, "1 config"), (.keyring, "2 keyring payload"), (.dataPack, "3 data pack"),
            (.metadataPack, "4 metadata pack"), (.index, "6 index segment"),
            (.session, "7 session"), (.manifest, "8 manifest"), (.abort, "9 abort"),
            (.note, "10 note"), (.collectionStart, "11 collection"),
            (.collectionEnd, "12 end of a collection"), (.audit, "14 audit record"),
            (.heartbeat, "15 heartbeat"),
        ]
        for (kind, text) in kinds {
            #expect(page.contains(text) && text.hasPrefix("\(kind.rawValue) "), "\(text)")
        }
        let objects: [(ObjectKind, String)] = [
            (.data, "kind 1 data"), (.list, "kind 2 list"), (.directory, "kind 3 directory"),
        ]
        for (kind, text) in objects {
            #expect(page.contains(text) && text.contains(" \(kind.rawValue) "), "\(text)")
        }
    }

    @Test func itemsNeverCrossAPage() {
        for size in [IndexEntry.size, PackDescription.size] {
            #expect(IndexHeader.pageSize % size == 0 && IndexHeader.alignment % size == 0)
        }
        #expect(IndexHeader.pageSize % IndexHeader.alignment == 0)
        #expect(IndexHeader.sealedPageSize == 4096)
    }

    @Test func paddingAddsAtMostWhatThePageSays() {
        for size in [33, 4096, 4097, 600_000, 1 << 20, (1 << 25) + 1, (1 << 25) - 1, 1 << 29] {
            let padded = PackTrailer.padded(size)
            var power = 0
            while 2 << power <= size { power += 1 }
            let step = max(4096, power >= 7 ? 1 << (power - 7) : 1)
            #expect(padded >= size && padded % step == 0 && padded - size < step, "\(size)")
            #expect(PackTrailer.padded(padded) == padded, "\(size)")
        }
    }
}
