# What a policy keeps, what it refuses, and what is taken back; an oracle of its own judges.
. "$(dirname "$0")/../lib.sh"
SRC=$T/src
mkdir "$SRC"
echo data >"$SRC/file"
new_key_repo

# --- by name ---------------------------------------------------------------------------------------
backup "$SRC" --time 2026-01-01T00:00:00Z
first=$SNAPSHOT
backup "$SRC" --time 2026-01-02T00:00:00Z --tag web
second=$SNAPSHOT
fails_with 64 "forget without anything" snapfs forget
fails_with 64 "forget with both" snapfs forget "$first" --keep-last 1
fails_with 1 "forget of what is not there" snapfs forget 0123456789
is "nothing changed" "$(listed)" 2
exits 0 "forget by id" snapfs forget "${first:0:10}"
out_has "says so" 'forgot 1 snapshot'
is "it is not listed" "$(listed)" 1
exits 0 "forgotten ones are listed apart" snapfs snapshots --forgotten --json
is "it is there" "$(value 'j[0]["id"]' "$T/out")" "$first"
fails_with 1 "what is not forgotten cannot be brought back" snapfs unforget "$second"
err_has "and why" "${second:0:8} is not forgotten"
for command in hold 'tag add x' forget ls; do
    # shellcheck disable=SC2086
    fails_with 1 "$command of a forgotten one" snapfs $command "$first"
    err_has "offers unforget" "unforget ${first:0:8}"
done
exits 0 "unforget" snapfs unforget "${first:0:10}"
is "it is back" "$(listed)" 2
exits 0 "forget it again" snapfs forget "$first"
exits 0 "unforget the latest that is" snapfs unforget latest
out_has "that one" "${first:0:8} is back"
exits 0 "forget both" snapfs forget "$first" "$second"
exits 0 "unforget by time" snapfs unforget 2026-01-01T00:00:00Z
is "is that one alone" "$(snapfs snapshots --json | value 'j[0]["id"]' /dev/stdin)" "$first"
fails_with 1 "what was brought back is not forgotten" snapfs unforget 2026-01-01T00:00:00Z
fails_with 1 "nor has the other host any" snapfs unforget --host nowhere latest
err_has "it says what it looked for" "no forgotten snapshot that matches --host nowhere"
fails_with 64 "nor is it a path" snapfs unforget latest:/x
exits 0 "unforget the other" snapfs unforget latest
is "both are listed" "$(listed)" 2
exits 0 "a dry run, also a quiet one" snapfs forget -n -q latest
out_has "says what would go" "would forget 1 snapshot"
exits 0 "a quiet dry run of a policy" snapfs forget -n -q --keep-last 1 --min-keep 1
out_has "says what would go" "forget +${first:0:8}"

# --- what matches nothing --------------------------------------------------------------------------
for command in 'forget --keep-last 3' find\ x snapshots stats; do
    # shellcheck disable=SC2086
    exits 0 "$command of no host" snapfs $command --host nowhere --tag none -q
    err_has "says so" "no snapshot that matches --host nowhere --tag none"
done
fails_with 1 "latest of no host" snapfs ls --host nowhere latest
err_has "says so" "no snapshot that matches --host nowhere"
exits 0 "find nothing" snapfs find nothing-like-this
err_has "says so" "nothing matches nothing-like-this"
exits 0 "find something" snapfs find file
is "without a word" "$(wc -c <"$T/err")" 0
exits 0 "take a tag that none has" snapfs tag remove none "$first"
err_has "says so" "the tag 'none'"
exits 0 "release what is not held" snapfs hold --release "$first"
err_has "says so" "${first:0:8} is not held"
is "and writes nothing" "$(snapfs audit list --json | grep -c release)" 0

# --- nothing of this changes anything --------------------------------------------------------------
is "changes nothing" "$(listed)" 2

# --- tags and holds --------------------------------------------------------------------------------
exits 0 "tag add" snapfs tag add db "$first" "$second"
exits 0 "tag add again" snapfs tag add db "$first"
out_has "changes nothing" 'changed 0 snapshots'
exits 0 "tag remove" snapfs tag remove web "$second"
exits 0 "list by tag" snapfs snapshots --tag db --json
is "both have it" "$(value 'len(j)' "$T/out")" 2
exits 0 "list by the tag that was removed" snapfs snapshots --tag web --json
is "none has it" "$(value 'len(j)' "$T/out")" 0
fails_with 64 "a hold that is over" snapfs hold --hold-until 2020-01-01 "$first"
exits 0 "hold" snapfs hold --hold-until 2099-01-01 "$first"
fails_with 1 "a held snapshot cannot be forgotten" snapfs forget "$first"
err_has "and says what to do" 'release'
exits 0 "hold another one" snapfs hold "$second"
fails_with 1 "a dry run would be refused" snapfs forget -n "$first" "$second"
out_has "after its plan" "${second:0:8}.*held"
err_has "and names one" "${first:0:8}"
err_has "and the other" "${second:0:8}"
exits 0 "release that one" snapfs hold --release "$second"
exits 0 "nor by a policy" snapfs forget -n --keep-last 1 --min-keep 1 --json
is "it says why" "$(value '[r for r in j["reasons"]] if "reasons" in j else ""' <(grep "$first" "$T/out"))" held
exits 0 "release" snapfs hold --release "$first"
exits 0 "then it can" snapfs forget "$first"
backup "$SRC" --time 2026-01-03T00:00:00Z --hold-until 2099-01-01
fails_with 1 "a backup can be held from its birth" snapfs forget "$SNAPSHOT"
exits 0 "a list with a hold" snapfs snapshots
out_has "shows until when" '2099-01-01T00:00:00Z'
out_lacks "and no job where there is none" 'Job'
exits 0 "a hold without an end" snapfs hold "$second"
exits 0 "is in the list" snapfs snapshots --json
is "as JSON" "$(value '[(s["held"], s.get("held_until")) for s in j]' "$T/out")" \
    "(True, None)"$'\n'"(True, '2099-01-01T00:00:00Z')"
exits 0 "release it" snapfs hold --release "$second"
exits 0 "a list" snapfs snapshots
out_has "shows the other hold" '2099-01-01T00:00:00Z'
out_lacks "and not the one that was released" 'for ever'

# --- jobs ------------------------------------------------------------------------------------------
backup "$SRC" --time 2026-01-04T00:00:00Z --job nightly
job=$SNAPSHOT
exits 0 "a list with a job" snapfs snapshots
out_has "shows it" 'nightly'
exits 0 "by job" snapfs snapshots --job nightly --json
is "there is the one" "$(value '[s["id"] + s["job"] for s in j]' "$T/out")" "${job}nightly"
exits 0 "latest of a job" snapfs forget --job nightly latest
out_has "is its own" "${job:0:8}"

# --- policies that are none ------------------------------------------------------------------------
for policy in '--keep-last 0' '--keep-daily 0 --keep-yearly 0'; do
    # shellcheck disable=SC2086
    fails_with 1 "a policy that keeps nothing: $policy" snapfs forget $policy --min-keep 0
done
for policy in '--keep-last -1' '--keep-last x' '--keep-within 0d' '--keep-within 3' '--keep-within 1d1y' \
    '--keep-within 99999d' "--keep-tag ''" '--group-by hosts --keep-last 1' '--keep-last 1 --max-remove-percent 101'; do
    eval "fails_with 64 \"no policy: $policy\" snapfs forget --min-keep 0 $policy"
done
is "nothing went" "$(listed)" 2
wrong() {               # FORM COMMAND...: the command line is wrong, and the message has the form
    local form=$1
    shift
    fails_with 64 "wrong: $*" snapfs "$@"
    err_has "it says what is right" "invalid for .*: .*$form"
}
wrong 'a whole number from 0 on, such as 7' forget --keep-last -1
wrong 'a whole number' forget --keep-last 1 --min-keep x
wrong '2w' forget --keep-within 2weeks
wrong 'host,job' forget --keep-last 3 --group-by jobs
wrong '2027-01-31' hold --hold-until 2027 latest
wrong '2027-01-31' backup --time yesterday "$SRC"
wrong 'percent from 0 to 100' forget --keep-last 3 --max-remove-percent -5
wrong 'percent from 0 to 100' forget --keep-last 3 --max-remove-percent x
wrong 'seconds, 1 or more' backup --checkpoint-interval -1 "$SRC"
wrong 'seconds, 1 or more' copy --to "$T/none" --checkpoint-interval 0
wrong 'control characters' snapshots --host ''
wrong 'control characters' backup --job $'a\ab' "$SRC"
wrong '10M' backup --exclude-larger-than 10X "$SRC"
wrong 'without commas' backup --tag a,b "$SRC"
wrong 'without commas' tag add '' latest
wrong 'control characters' tag add $'a\ab' latest
wrong 'by itself' forget --keep-tag a,b
exits 0 "weeks" snapfs forget -n --keep-within 2w --min-keep 0

# --- a policy, judged by an oracle -----------------------------------------------------------------
rm -rf "$T/repo" "$T/cache" "$T/key"
exits 0 "init" snapfs init --new-key-file "$T/key"
python3 - "$T" <<'PY'
import random, sys, datetime
r = random.Random(7)
t = datetime.datetime(2023, 11, 3, 5, 0, tzinfo=datetime.timezone.utc)
with open(sys.argv[1] + "/times", "w") as f:
    for n in range(60):
        t += datetime.timedelta(minutes=r.choice([7, 50, 61, 600, 1500, 1500, 9000, 20000]))
        f.write(t.strftime("%Y-%m-%dT%H:%M:%SZ") + (" a" if r.random() < .1 else " b") + "\n")
PY
while read -r time tag; do
    snapfs backup --quiet --time "$time" --tag "$tag" "$SRC" || fail "backup of $time"
done <"$T/times"
is "all are there" "$(listed)" 60
cat >"$T/oracle.py" <<'PY'
# What a policy keeps of times in a file; prints them. Written from the man page.
import sys, datetime
rows = [l.split() for l in open(sys.argv[1])]
times = [(datetime.datetime.strptime(t, "%Y-%m-%dT%H:%M:%SZ"), tag) for t, tag in rows]
options = dict(a.split("=") for a in sys.argv[2:])
keep = {times[-1][0]}
keep |= {t for t, _ in times[len(times) - int(options.get("last", 0)):]}
for name, of in {"hourly": lambda t: (t.date(), t.hour), "daily": lambda t: t.date(), "weekly": lambda t: t.isocalendar()[:2],
                 "monthly": lambda t: (t.year, t.month), "yearly": lambda t: t.year}.items():
    first = {}
    for t, _ in times: first.setdefault(of(t), t)
    if int(options.get(name, 0)): keep |= set(sorted(first.values())[-int(options[name]):])
if "days" in options:
    keep |= {t for t, _ in times if t > times[-1][0] - datetime.timedelta(days=int(options["days"]))}
if "tag" in options: keep |= {t for t, tag in times if tag == options["tag"]}
print("\n".join(sorted(t.strftime("%Y-%m-%dT%H:%M:%SZ") for t in keep)))
PY
judge_policy() {        # ORACLE'S WORDS -- OPTIONS
    local words=()
    while [[ $1 != -- ]]; do words+=("$1"); shift; done
    shift
    exits 0 "policy $*" snapfs forget --dry-run --min-keep 0 --json "$@"
    is "keeps what the oracle keeps" \
        "$(grep '"message_type"' "$T/out" | python3 -c 'import json, sys
print("\n".join(sorted(j["time"] for j in map(json.loads, sys.stdin) if j["action"] == "keep")))')" \
        "$(python3 "$T/oracle.py" "$T/times" "${words[@]}")"
}
judge_policy last=7 -- --keep-last 7
judge_policy hourly=9 -- --keep-hourly 9
judge_policy daily=14 -- --keep-daily 14
judge_policy weekly=5 -- --keep-weekly 5
judge_policy monthly=4 -- --keep-monthly 4
judge_policy yearly=2 -- --keep-yearly 2
judge_policy days=45 -- --keep-within 45d
judge_policy tag=a -- --keep-tag a
judge_policy last=2 daily=7 weekly=4 monthly=12 yearly=2 tag=a days=3 -- --keep-last 2 --keep-daily 7 \
    --keep-weekly 4 --keep-monthly 12 --keep-yearly 2 --keep-tag a --keep-within 3d

# --- refusals --------------------------------------------------------------------------------------
fails_with 1 "fewer than three are not left" snapfs forget --keep-last 2
is "nothing went" "$(listed)" 60
err_has "it gives the figures" "2 of 60 of host"
err_has "and one way out" "keep-last 3"
err_has "and the other" "min-keep 2"
fails_with 1 "nor in two groups" snapfs forget --keep-last 2 --group-by tags
err_has "it names one" "tags a"
err_has "and the other" "tags b"
fails_with 1 "nor more taken than allowed" snapfs forget --keep-last 10 --max-remove-percent 50
is "still nothing" "$(listed)" 60
exits 0 "each group by itself" snapfs forget -n --keep-last 3 --group-by tags --json
is "keeps three of both" "$(grep -c '"action":"keep"' "$T/out")" 6
exits 0 "a policy" snapfs forget --keep-daily 7 --keep-monthly 12
is "and what is left" "$(listed)" \
    "$(python3 "$T/oracle.py" "$T/times" daily=7 monthly=12 | wc -l)"
exits 0 "the same again" snapfs forget --keep-daily 7 --keep-monthly 12
out_has "has nothing to forget" 'forgot 0 snapshots'

# --- clocks ----------------------------------------------------------------------------------------
before=$(listed)
snapfs backup --quiet --time 2093-01-01T00:00:00Z "$SRC" || fail "backup in the future"
exits 0 "a snapshot of the future" snapfs forget -n --keep-within 3d --min-keep 1 --json
is "stays" "$(value 'j["reasons"]' <(grep 2093 "$T/out"))" "made later than now"
is "and the others are counted without it" "$(grep '"action":"keep"' "$T/out" | grep -c -v 2093)" \
    "$(snapfs snapshots --json | python3 -c 'import json, sys
t = sorted(j["time"] for j in json.load(sys.stdin) if j["time"] < "2090")
import datetime
p = lambda s: datetime.datetime.strptime(s[:19], "%Y-%m-%dT%H:%M:%S")
print(sum(p(x) > p(t[-1]) - datetime.timedelta(days=3) for x in t))')"
snapfs backup --quiet --time "$(date -u -d yesterday +%FT%TZ)" "$SRC" || fail "backup after a jump"
fails_with 1 "a jump of the clock is not believed at once" snapfs forget --keep-within 3d --min-keep 1
err_has "it says how to" 'accept-clock'
is "nothing went" "$(listed)" $((before + 2))
exits 0 "unless the user says so" snapfs forget -n --keep-within 3d --min-keep 1 --accept-clock
finish
