// SPDX-License-Identifier: MIT

import SnapBase
import SnapFormat

extension Repository {
    /// Looks whether the packs of the index are there in full, without reading them, and builds on
    /// none that is not from then on: what they held is stored again where a source still has it.
    /// Returns how many are not. The index was listed before. Packs that an open collection
    /// condemns are not built upon anyway, and may be on their way out.
    package func avoidAbsentPacks(_ building: Building) throws -> Int {
        let there = try listPacks().packs
        var absent: Set<ObjectID> = []
        for segment in objects.segments {
            // A page that cannot be read is for lookups to meet, and for check to tell.
            try? segment.forEachPack { pack in
                guard there[pack.name]?.size != Int(pack.fileSize), building.allows(pack.packName)
                else { return }
                absent.insert(pack.name)
            }
        }
        absent.forEach { objects.noteDamage(of: $0) }
        return absent.count
    }
}
