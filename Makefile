# make            build snapfs for release
# make demo       install what is missing, build, back up a folder twice, mount, restore, compare
# make test       install what is missing, build, run every test (as root)
# make bench      measure against restic, borg and plain tools (as root)
# make soak       run backups, mounts and crashes for hours (SOAK_MINUTES=60; as root)
# make install    one binary, man pages and completions below PREFIX (and DESTDIR)
# make lint       layers, format, scripts, man pages
# make clean

PREFIX = /usr/local
DESTDIR =
SWIFT = swift
INSTALL = install
SOAK_MINUTES = 60

# The Swift runtime is linked into the binary.
RELEASE = -c release --static-swift-stdlib --product snapfs
BINARY = .build/release/snapfs
SCRIPTS = .ci/run Tests/run contrib/demo contrib/install-dependencies

BINDIR = $(DESTDIR)$(PREFIX)/bin
MANDIR = $(DESTDIR)$(PREFIX)/share/man
BASHDIR = $(DESTDIR)$(PREFIX)/share/bash-completion/completions
ZSHDIR = $(DESTDIR)$(PREFIX)/share/zsh/site-functions
FISHDIR = $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d

all: dependencies
	$(SWIFT) build $(RELEASE)

dependencies:
	@contrib/install-dependencies build

demo: all
	@contrib/install-dependencies demo
	contrib/demo $(BINARY)

test:
	@contrib/install-dependencies build test
	Tests/run

bench: all
	@contrib/install-dependencies bench
	contrib/bench/bench.py --snapfs $(BINARY) $(BENCH)

soak: all
	@contrib/install-dependencies test
	$(SWIFT) build -c release --static-swift-stdlib --product snapfs-simulate
	Tests/Soak/run $(BINARY) $(SOAK_MINUTES) .build/release/snapfs-simulate

# `sudo make install` often finds no compiler: then it takes what `make` has built.
install:
	if command -v $(SWIFT) >/dev/null; then $(MAKE) all; else test -x $(BINARY); fi
	$(INSTALL) -d $(BINDIR) $(MANDIR)/man1 $(MANDIR)/man5 $(BASHDIR) $(ZSHDIR) $(FISHDIR)
	$(INSTALL) -m 755 -s $(BINARY) $(BINDIR)/snapfs
	$(INSTALL) -m 644 man/*.1 $(MANDIR)/man1
	$(INSTALL) -m 644 man/*.5 $(MANDIR)/man5
	$(BINARY) --generate-completion-script bash >$(BASHDIR)/snapfs
	$(BINARY) --generate-completion-script zsh >$(ZSHDIR)/_snapfs
	$(BINARY) --generate-completion-script fish >$(FISHDIR)/snapfs.fish
	chmod 644 $(BASHDIR)/snapfs $(ZSHDIR)/_snapfs $(FISHDIR)/snapfs.fish

lint:
	@contrib/install-dependencies lint
	.ci/check-layers --self-test
	.ci/check-layers
	.ci/check-format --self-test
	.ci/check-format
	for script in $(SCRIPTS); do bash -n $$script || exit 1; done
	mandoc -T lint -W warning man/*.[1-9]

clean:
	rm -rf .build

.PHONY: all dependencies demo test bench soak install lint clean
