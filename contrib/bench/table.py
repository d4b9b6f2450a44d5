# SPDX-License-Identifier: MIT
"""The rows of the benchmark: what each is called, its unit and its target; and the table of them.

A target sees the medians of one row by program and, for two of them, the rows beside it. It gives
a sentence and whether it is reached (None: cannot be told from what was measured).
"""

import statistics

PEERS = ("restic", "borg")
COLUMNS = ("step", "snapfs", "restic", "borg", "plain", "snapfs/plain", "best peer/snapfs",
           "target", "reached?")

GB = 1e9
MIB = 1 << 20

# Row name -> (title, unit). The order is that of the table.
ROWS = {
    "read": ("source, only read (cold)", "s"),
    "backup": ("first backup", "s"),
    "backup.memory": ("  its peak memory", "MiB"),
    "size": ("repository", "GB"),
    "unchanged": ("unchanged backup", "s"),
    "mount.snapshot": ("mount SNAPSHOT", "s"),
    "mount.history": ("mount, whole history", "s"),
    "ls.snapshot": ("first ls, mount SNAPSHOT", "s"),
    "ls.history": ("first ls, history", "s"),
    "find.snapshot": ("find, mount SNAPSHOT", "s"),
    "find.history": ("find, history", "s"),
    "findattr.snapshot": ("find -printf, mount SNAPSHOT", "s"),
    "findattr.history": ("find -printf, history", "s"),
    "cp.snapshot": ("cp -a, mount SNAPSHOT", "s"),
    "cp.history": ("cp -a, history", "s"),
    "reread.snapshot": ("read again, mount SNAPSHOT", "s"),
    "reread.history": ("read again, history", "s"),
    "tar.snapshot": ("tar again, mount SNAPSHOT", "s"),
    "tar.history": ("tar again, history", "s"),
    "mount.memory.snapshot": ("mount SNAPSHOT, peak memory", "MiB"),
    "mount.memory.history": ("mount history, peak memory", "MiB"),
    "restore": ("restore", "s"),
    "restore.memory": ("  its peak memory", "MiB"),
    "check": ("check --read-data", "s"),
    "checkrate": ("  restored data checked", "GB/s"),
    "check.memory": ("  its peak memory", "MiB"),
    "states": ("ten backups", "s"),
    "states.size": ("repository of ten snapshots", "GB"),
    "scrub": ("scrub; plain: sha256sum", "s"),
    "scrub.memory": ("  its peak memory", "MiB"),
    "open": ("opened by a password, listed", "s"),
    "open.memory": ("  its peak memory", "MiB"),
    "copy": ("copy, first", "s"),
    "copy.memory": ("  its peak memory", "MiB"),
    "copy.size": ("  repository", "GB"),
    "recopy": ("copy, nothing new", "s"),
    "recopy.memory": ("  its peak memory", "MiB"),
    "forget": ("forget --prune, nine of ten", "s"),
    "forget.memory": ("  its peak memory", "MiB"),
    "forget.size": ("  repository", "GB"),
    "versions.cold": ("ls history/FILE, cold", "s"),
    "versions.warm": ("ls history/FILE, warm", "s"),
    "versions.attributes": ("ls -l history/FILE", "s"),
    "versions.find": ("find history/", "s"),
    "versions.find.memory": ("  its peak memory", "MiB"),
    "versions.log": ("log FILE", "s"),
    "versions.log.memory": ("  its peak memory", "MiB"),
}
RATES = {"checkrate"}       # More is better; all else is less.


def at_most_plain(factor):
    def target(row):
        text = f"<= {factor:g}x plain"
        if "plain" not in row or "snapfs" not in row:
            return text, None
        return text, row["snapfs"] <= factor * row["plain"]
    return target


def at_most(limit, unit, scale=1):
    def target(row):
        return f"<= {limit:g} {unit}", row["snapfs"] <= limit * scale if "snapfs" in row else None
    return target


def at_least_rate(limit):
    def target(row):
        return f">= {limit:g} GB/s", row["snapfs"] >= limit * GB if "snapfs" in row else None
    return target


def reread_target(row):
    text = ">= 0.65x speed of tmpfs"
    if "plain" not in row or "snapfs" not in row:
        return text, None
    return text, row["plain"] >= 0.65 * row["snapfs"]


def unchanged_target(row):
    if "plain" not in row:
        return "<= max(0.5 s, 3x find)", None
    limit = max(0.5, 3 * row["plain"])
    return f"<= {limit:.2f} s", row["snapfs"] <= limit if "snapfs" in row else None


def size_target(factor):
    def target(row):
        text = f"<= {factor:g}x smallest peer"
        peers = [row[peer] for peer in PEERS if peer in row]
        if not peers or "snapfs" not in row:
            return text, None
        return text, row["snapfs"] <= factor * min(peers)
    return target


def best_peer_target(row):
    peers = [row[peer] for peer in PEERS if peer in row]
    return "<= best peer", row["snapfs"] <= min(peers) if peers and "snapfs" in row else None


def restore_target(row):
    text = ">= 1.5x restic's speed"
    if "restic" not in row or "snapfs" not in row:
        return text, None
    return text, row["restic"] >= 1.5 * row["snapfs"]


TARGETS = {
    "backup": at_most_plain(1.2),
    "backup.memory": at_most(150, "MiB", MIB),
    "unchanged": unchanged_target,
    "ls.snapshot": at_most(0.1, "s"),
    "ls.history": at_most(0.1, "s"),
    "find.snapshot": at_most_plain(3),
    "find.history": at_most_plain(3),
    "reread.snapshot": reread_target,
    "reread.history": reread_target,
    "mount.memory.snapshot": at_most(200, "MiB", MIB),
    "mount.memory.history": at_most(200, "MiB", MIB),
    "restore": restore_target,
    "checkrate": at_least_rate(0.9),
}
TARGETS_OF_DATA = {
    "small": {"size": size_target(0.7),
              "cp.snapshot": at_most_plain(1.6), "cp.history": at_most_plain(2.8)},
    "tree": {"size": size_target(1),
             "cp.snapshot": at_most_plain(2.2), "cp.history": at_most_plain(2.2)},
    "large": {"size": size_target(1),
              "cp.snapshot": at_most_plain(1.6), "cp.history": at_most_plain(1.6)},
    # With two key files; with two passwords it is a second and two key derivations.
    "life": {"scrub": at_most_plain(1), "recopy": at_most(1, "s"), "forget": best_peer_target,
             "versions.cold": at_most(1, "s"), "versions.warm": at_most(0.05, "s")},
}


def medians(figures):
    """{row: {program: [figure, ...]}} -> {row: {program: median}}.

    restic mounts the whole history and borg one archive; their figures stand in both rows.
    """
    rows = {row: {program: statistics.median(values) for program, values in programs.items()}
            for row, programs in figures.items()}
    for name, row in rows.items():
        if name.endswith(".history"):
            for program, value in rows.get(name.replace(".history", ".snapshot"), {}).items():
                if program != "snapfs":
                    row.setdefault(program, value)
    return rows


def lines(data, rows):
    """The table of one source, as lists of cells."""
    targets = TARGETS | TARGETS_OF_DATA[data]
    for name, (title, unit) in ROWS.items():
        row = rows.get(name)
        if not row:
            continue
        text, reached = targets[name](row) if name in targets else ("", None)
        yield [title, *(cell(row.get(program), unit) for program in ("snapfs", *PEERS, "plain")),
               ratio(row.get("snapfs"), row.get("plain")), peer_ratio(name, row), text,
               "" if reached is None else "yes" if reached else "NO"]


def cell(value, unit):
    if value is None:
        return "-"
    if unit == "s":
        return f"{value:.3f} s" if value < 1 else f"{value:.2f} s"
    if unit == "MiB":
        return f"{value / MIB:.0f} MiB"
    return f"{value / GB:.3f} {unit}"


def ratio(one, other):
    return f"{one / other:.2f}" if one and other else "-"


def peer_ratio(name, row):
    """How many times better snapfs is than the better peer."""
    peers = [row[peer] for peer in PEERS if peer in row]
    if not peers or "snapfs" not in row:
        return "-"
    if name in RATES:
        return ratio(row["snapfs"], max(peers))
    return ratio(min(peers), row["snapfs"])


def format_table(data, facts, rows):
    """The whole table of one source as text."""
    table = [list(COLUMNS), *lines(data, rows)]
    widths = [max(len(line[column]) for line in table) for column in range(len(COLUMNS))]
    text = [f"{data}: {facts['entries']:,} entries, {facts['bytes'] / GB:.3f} GB"]
    for line in table:
        cells = [line[0].ljust(widths[0]),
                 *(line[column].rjust(widths[column]) for column in range(1, 7)),
                 line[7].ljust(widths[7]), line[8]]
        text.append("  ".join(cells).rstrip())
    text.insert(2, "-" * max(map(len, text)))
    return "\n".join(text)
