// SPDX-License-Identifier: MIT
//
// The libFuzzer entry of all decoders: the name of the program says which one it feeds. Built and
// run by contrib/fuzz/run.

import Glibc
import SnapTestSupport

// nonisolated(unsafe): set once, before libFuzzer calls the other function.
nonisolated(unsafe) private var target = FuzzTarget.fields

@_cdecl("LLVMFuzzerInitialize")
public func initialize(
    _ count: UnsafeMutablePointer<CInt>,
    _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>>
) -> CInt {
    let program = String(cString: arguments.pointee[0]!)
    let name = program.split(separator: "/").last.map(String.init) ?? ""
    guard let found = FuzzTarget(rawValue: name) else {
        print("targets: \(FuzzTarget.allCases.map(\.rawValue).joined(separator: " "))")
        exit(64)
    }
    target = found
    return 0
}

@_cdecl("LLVMFuzzerTestOneInput")
public func test(_ bytes: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    target.run(Array(UnsafeBufferPointer(start: bytes, count: count)))
    return 0
}
