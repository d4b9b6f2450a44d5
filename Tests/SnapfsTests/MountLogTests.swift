// SPDX-License-Identifier: MIT

import Testing

@testable import snapfs

@Suite struct MountLogTests {
    @Test func aMessageIsSaidOnceAMinute() {
        var limit = MessageLimit()
        #expect(limit.admitted("a", at: 5) == ["a"])
        #expect(limit.admitted("a", at: 6) == [])
        #expect(limit.admitted("b", at: 7) == ["b"])
        #expect(limit.admitted("a", at: 66) == ["a"])
        #expect(limit.admitted("a", at: 67) == [])
    }

    @Test func whatIsTooMuchIsCountedAndToldLater() {
        var limit = MessageLimit()
        let said = (0..<MessageLimit.countMax + 3).flatMap { limit.admitted("\($0)", at: 1) }
        #expect(said.count == MessageLimit.countMax)
        let later = limit.admitted("later", at: 100)
        #expect(later.count == 2 && later[0].hasPrefix("3 ") && later[1] == "later")
        #expect(limit.admitted("last", at: 200) == ["last"])
    }
}
