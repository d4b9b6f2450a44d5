// swift-tools-version: 6.3
// The targets from the bottom up; a target imports only targets above it in this list
// (.ci/check-layers holds the rule). C modules are imported by exactly one wrapper each.
import PackageDescription

let swiftSettings: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny")
]

func target(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .target(name: name, dependencies: dependencies, swiftSettings: swiftSettings)
}

func tests(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .testTarget(name: name, dependencies: dependencies, swiftSettings: swiftSettings)
}

let package = Package(
    name: "snapfs",
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2")
    ],
    targets: [
        .systemLibrary(name: "CLinux"),
        .systemLibrary(
            name: "COpenSSL", pkgConfig: "libcrypto", providers: [.apt(["libssl-dev"])]),
        .systemLibrary(name: "CZstd", pkgConfig: "libzstd", providers: [.apt(["libzstd-dev"])]),
        .systemLibrary(name: "CFuse", pkgConfig: "fuse3", providers: [.apt(["libfuse3-dev"])]),

        target("SnapBase", ["CLinux"]),
        target("SnapCrypto", ["COpenSSL", "SnapBase"]),
        target("SnapZstd", ["CZstd", "SnapBase"]),
        target("SnapFuse", ["CFuse", "SnapBase"]),
        target("SnapFormat", ["SnapBase", "SnapCrypto"]),
        target("SnapStore", ["SnapBase"]),
        target(
            "SnapRepository", ["SnapBase", "SnapCrypto", "SnapZstd", "SnapFormat", "SnapStore"]),
        target("SnapView", ["SnapBase", "SnapFormat", "SnapRepository"]),
        target("SnapFiles", ["SnapBase", "SnapFormat", "SnapRepository", "SnapView"]),
        target("SnapRestore", ["SnapBase", "SnapFormat", "SnapRepository", "SnapView"]),
        target("SnapCopy", ["SnapBase", "SnapFormat", "SnapRepository", "SnapView"]),
        target("SnapMount", ["SnapBase", "SnapFormat", "SnapFuse", "SnapRepository", "SnapView"]),
        .executableTarget(
            name: "snapfs",
            dependencies: [
                "SnapBase", "SnapCrypto", "SnapFormat", "SnapStore", "SnapRepository", "SnapView",
                "SnapFiles", "SnapRestore", "SnapMount", "SnapCopy", "SnapFuse",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ], swiftSettings: swiftSettings),

        .target(
            name: "SnapTestSupport",
            dependencies: [
                "SnapBase", "SnapCrypto", "SnapZstd", "SnapFormat", "SnapStore", "SnapRepository",
                "SnapView",
            ], path: "Tests/SnapTestSupport", swiftSettings: swiftSettings),
        .executableTarget(
            name: "snapfs-bench-index",
            dependencies: [
                "SnapBase", "SnapCrypto", "SnapFormat", "SnapStore", "SnapRepository",
                "SnapTestSupport",
            ], path: "Tests/SnapBenchIndex", swiftSettings: swiftSettings),
        .systemLibrary(name: "CCoroutine", path: "Tests/CCoroutine"),
        .target(
            name: "SnapSimulation",
            dependencies: [
                "CCoroutine", "SnapBase", "SnapCrypto", "SnapFormat", "SnapStore", "SnapRepository", "SnapView",
                "SnapCopy", "SnapTestSupport",
            ], path: "Tests/SnapSimulation", swiftSettings: swiftSettings),
        .executableTarget(
            name: "snapfs-simulate", dependencies: ["SnapBase", "SnapSimulation"],
            path: "Tests/SnapSimulate", swiftSettings: swiftSettings),
        tests("SnapSimulationTests", ["SnapSimulation", "SnapTestSupport"]),
        tests("SnapBaseTests", ["SnapBase", "SnapTestSupport"]),
        tests("SnapCryptoTests", ["SnapCrypto", "SnapBase", "SnapTestSupport"]),
        tests("SnapZstdTests", ["SnapZstd", "SnapBase", "SnapTestSupport"]),
        tests(
            "SnapFormatTests",
            ["SnapFormat", "SnapCrypto", "SnapBase", "SnapZstd", "SnapTestSupport"]),
        tests("SnapStoreTests", ["SnapStore", "SnapBase", "SnapTestSupport"]),
        tests(
            "SnapFaultTests",
            [
                "CLinux", "SnapBase", "SnapCrypto", "SnapFormat", "SnapStore", "SnapRepository",
                "SnapView", "SnapFiles", "SnapZstd", "SnapTestSupport",
            ]),
        tests(
            "SnapRepositoryTests",
            [
                "SnapRepository", "SnapView", "SnapStore", "SnapFormat", "SnapCrypto", "SnapBase",
                "SnapTestSupport",
            ]),
        tests("SnapFuseTests", ["SnapFuse", "SnapBase"]),
        tests(
            "SnapViewTests",
            [
                "SnapView", "SnapCrypto", "SnapBase", "SnapFormat", "SnapRepository", "SnapStore",
                "SnapTestSupport",
            ]),
        tests(
            "SnapRestoreTests",
            [
                "SnapRestore", "SnapFiles", "SnapView", "SnapBase", "SnapFormat", "SnapRepository",
                "SnapTestSupport",
            ]),
        tests(
            "SnapMountTests",
            [
                "SnapMount", "SnapView", "SnapBase", "SnapFormat", "SnapFuse", "SnapRepository",
                "SnapStore", "SnapTestSupport",
            ]),
        tests(
            "SnapCopyTests",
            [
                "SnapCopy", "SnapView", "SnapCrypto", "SnapBase", "SnapFormat", "SnapRepository",
                "SnapStore", "SnapTestSupport",
            ]),
        tests("SnapfsTests", ["snapfs", "SnapBase", "SnapFormat"]),
    ],
    swiftLanguageModes: [.v6]
)
