# SPDX-License-Identifier: Apache-2.0
#
# One non-recursive makefile. `make help` lists what can be made.
#   O=DIR       build there (default: build)      V=1         show commands
#   SANITIZE=1  build with ASan and UBSan          DESTDIR=, PREFIX=  for install
#   WERROR=1    warnings are errors                FUZZ_SECONDS=60     for each fuzz target

VERSION    := 0.1.0
O          ?= build
PREFIX     ?= /usr/local
CC         := $(if $(filter default,$(origin CC)),gcc,$(CC))
CLANG      ?= clang
BPFTOOL    ?= $(firstword $(wildcard /usr/sbin/bpftool) bpftool)
PKG_CONFIG ?= pkg-config
ARCH       ?= $(shell uname -m | sed -e s/x86_64/x86/ -e s/aarch64/arm64/)
Q          := $(if $(V),,@)
say         = $(if $(V),,@printf '  %-8s %s\n' $1 $(patsubst $(O)/%,%,$2))

MAKEFLAGS += --no-builtin-rules
all:

# ---- who builds -------------------------------------------------------------------------

# Root in somebody's checkout builds as that somebody, so that every file stays theirs. Only the
# targets in AS_ROOT keep root; they write into temporary or installed directories.
OWNER   := $(shell stat -c '%u %g' .)
AS_ROOT := deps deps-check install uninstall demo check bench

ifneq ($(filter-out 0,$(firstword $(OWNER))),)
ifeq ($(shell id -u),0)
SHELL       := /usr/bin/setpriv
.SHELLFLAGS := --reuid=$(word 1,$(OWNER)) --regid=$(word 2,$(OWNER)) --clear-groups \
	--inh-caps=-all --no-new-privs -- /bin/sh -c
define keep_root
$1: private SHELL := /bin/sh
$1: private .SHELLFLAGS := -c
endef
endif
endif

# ---- packages, by Debian's names --------------------------------------------------------

# to build and to run
DEPS := gcc libc6-dev clang bpftool pkg-config protobuf-c-compiler libprotobuf-c-dev libbpf-dev \
	libelf-dev libiberty-dev zlib1g-dev libcap-dev libseccomp-dev libsystemd-dev libxxhash-dev gzip
# what only tests need; languages only where there is none yet, for a newer one serves as well
unless_there = $(if $(shell command -v $1 2>/dev/null),,$2)
DEPS_CHECK = clang-format clang-tidy cppcheck shellcheck libcmocka-dev libclang-rt-dev llvm lld \
	python3 python3-pytest python3-protobuf protobuf-compiler golang-github-google-pprof-dev \
	gcc-aarch64-linux-gnu libc6-dev-arm64-cross linux-libc-dev-arm64-cross \
	graphviz qemu-system-x86 mmdebstrap cpio mount procps linux-perf elfutils openssl mandoc tmux git \
	$(call unless_there,g++,g++) $(call unless_there,go,golang-go) \
	$(call unless_there,rustc,rustc) $(call unless_there,cargo,cargo) \
	$(call unless_there,node,nodejs) $(call unless_there,npm,npm)

ifneq ($(filter deps deps-check,$(MAKECMDGOALS)),)

# Nothing below can be read before the packages are there, so the other goals are another make's.
REST := $(filter-out deps deps-check,$(MAKECMDGOALS))

install_packages = missing=$$(for p in $1; do \
		dpkg-query -W -f='$${db:Status-Status}' $$p 2>/dev/null | grep -qx installed || echo $$p; \
	done); \
	test -z "$$missing" || DEBIAN_FRONTEND=noninteractive \
		apt-get install -y --no-install-recommends $$missing

deps:
	@$(call install_packages,$(DEPS))
deps-check:
	@$(call install_packages,$(DEPS_CHECK))
ifneq ($(REST),)
$(firstword $(REST)): $(filter deps deps-check,$(MAKECMDGOALS))
	@+$(MAKE) --no-print-directory $(if $(findstring -j,$(MAKEFLAGS)),,-j$$(nproc)) $(REST)
$(wordlist 2,$(words $(REST)),$(REST)): $(firstword $(REST))
	@:
AS_ROOT += $(REST)
endif
.NOTPARALLEL:
.PHONY: deps deps-check $(REST)
$(foreach t,$(sort $(AS_ROOT)),$(eval $(call keep_root,$t)))

else

# ---- flags ------------------------------------------------------------------------------

CFLAGS    ?= -O2 -g
WARNINGS  := -Wall -Wextra -Wshadow -Wvla -Wstrict-prototypes -Wmissing-prototypes -Wformat=2 \
	-Wpointer-arith -Wundef -Wwrite-strings $(if $(WERROR),-Werror)
HARDENING := -fstack-protector-strong -fPIE $(if $(SANITIZE),,-D_FORTIFY_SOURCE=2)
comma     := ,
SANITIZER := $(if $(SANITIZE),-fsanitize=address$(comma)undefined -fno-sanitize-recover=all -fno-omit-frame-pointer)
SANITIZER += $(if $(FUZZ),-fsanitize=fuzzer-no-link)
BASE_CFLAGS = -std=gnu17 -D_GNU_SOURCE -DCPROFD_VERSION='"$(VERSION)"' $(WARNINGS) $(HARDENING) $(SANITIZER)
BASE_LDFLAGS = -pie -Wl,-z,relro,-z,now $(SANITIZER)
DEPFLAGS   = -MMD -MP

# What each part may include is what its -I list reaches; tests/lint/layers.txt says the rest.
LIB_INC    := -Ilib -I$(O)/gen
DAEMON_INC := -Ilib -Idaemon -Ibpf -I$(O)/gen
TEST_INC   := $(DAEMON_INC) -Icli -Itests

pkg_cflags  = $(shell $(PKG_CONFIG) --cflags $1)
pkg_libs    = $(shell $(PKG_CONFIG) --libs $1)
# libiberty comes without a .pc file
LIBIBERTY  := -liberty

# ---- parts: one archive a directory, linked in the order users come before the used -----

LIB_PARTS    := base pprof report control
DAEMON_PARTS := opener sampler tracker store symbols collect profile server cprofd symbolizer
PROTOS       := profile control symbolize

# The archives that a part needs beside its own, and the libraries behind them.
NEEDS_base       :=
NEEDS_pprof      := base proto
NEEDS_report     := pprof base proto
NEEDS_control    := base proto
NEEDS_opener     := base
NEEDS_sampler    := opener base
NEEDS_tracker    := opener base
NEEDS_store      := base
NEEDS_symbols    := tracker control opener base proto
NEEDS_collect    := sampler tracker store symbols control opener base proto
NEEDS_profile    := pprof collect sampler tracker store symbols control opener base proto
NEEDS_server     := profile pprof collect sampler tracker store symbols control opener base proto
NEEDS_cprofd     := server profile pprof collect sampler tracker store symbols control opener base proto
NEEDS_symbolizer := control base proto
NEEDS_cli        := report pprof control base proto

LIBS_base       := $(call pkg_libs,libxxhash libprotobuf-c)
LIBS_pprof      := $(call pkg_libs,zlib)
LIBS_proto      := $(call pkg_libs,libprotobuf-c)
LIBS_opener     := $(call pkg_libs,libseccomp)
LIBS_sampler    := $(call pkg_libs,libbpf)
LIBS_symbols    := $(call pkg_libs,libsystemd)
LIBS_server     := $(call pkg_libs,libsystemd)
LIBS_cprofd     := $(call pkg_libs,libcap)
LIBS_symbolizer := $(call pkg_libs,libseccomp) $(LIBIBERTY)

archive_of  = $(if $(filter proto,$1),$(O)/proto.a,$(if $(filter cli,$1),$(O)/cli.a,$(if $(filter $1,$(LIB_PARTS)),$(O)/lib/$1.a,$(O)/daemon/$1.a)))
archives_of = $(foreach p,$1 $(NEEDS_$1),$(call archive_of,$p))
libs_of     = $(foreach p,$1 $(NEEDS_$1),$(LIBS_$p))

sources     = $(filter-out %/main.c,$(wildcard $1/*.c))
PROTO_HDR  := $(PROTOS:%=$(O)/gen/proto/%.pb-c.h)
BPF_SKEL   := $(patsubst %.bpf.c,$(O)/gen/%.skel.h,$(wildcard bpf/*.bpf.c tests/*/*.bpf.c))

PROGRAMS   := $(O)/bin/cprofd $(O)/bin/cprofctl $(O)/bin/cprofd-symbolizer

all: $(PROGRAMS)
generated: $(GENERATED)

# ---- generated code ---------------------------------------------------------------------

$(O)/gen/proto/%.pb-c.c $(O)/gen/proto/%.pb-c.h &: proto/%.proto
	$(call say,PROTO,$<)
	$(Q)mkdir -p $(O)/gen && protoc-c --c_out=$(O)/gen $<
	$(Q)sed -i '1i #pragma GCC system_header' $(O)/gen/proto/$*.pb-c.h

BPF_CFLAGS := -g -O2 -target bpf -D__TARGET_ARCH_$(ARCH) -std=gnu17 -Wall -Wextra -Werror \
	-Wno-unused-parameter -Wno-address-of-packed-member -Ibpf \
	$(addprefix -idirafter ,$(wildcard /usr/include/$(shell $(CC) -print-multiarch)))
define bpf_object # directory
$(O)/$1/%.bpf.o: $1/%.bpf.c Makefile
	$$(call say,BPF,$$@)
	$$(Q)mkdir -p $$(@D) && $$(CLANG) $$(BPF_CFLAGS) $$(DEPFLAGS) -MT $$@ -MF $$(@:.o=.d) -c $$< -o $$(@:.o=.tmp.o)
	$$(Q)$$(BPFTOOL) gen object $$@ $$(@:.o=.tmp.o)
endef
$(foreach d,bpf tests,$(eval $(call bpf_object,$d)))

$(O)/gen/%.skel.h: $(O)/%.bpf.o
	$(call say,SKEL,$@)
	$(Q)mkdir -p $(@D) && { echo '#pragma GCC system_header' && $(BPFTOOL) gen skeleton $< name $(*F)_bpf; } > $@

# ---- objects and archives ---------------------------------------------------------------

# An object's tidy stamp hangs on the object, and so on all that the object depends on.
define c_object # directory of objects, include path
$(O)/$1/%.o: $1/%.c Makefile | $(PROTO_HDR)
	$$(call say,CC,$$@)
	$$(Q)mkdir -p $$(@D) && $$(CC) $$(BASE_CFLAGS) $$(CFLAGS) $2 $$(DEPFLAGS) -c $$< -o $$@
$(O)/tidy/$1/%.ok: $(O)/$1/%.o .clang-tidy tests/.clang-tidy
	$$(call say,TIDY,$1/$$*.c)
	$$(Q)mkdir -p $$(@D) && clang-tidy --quiet $1/$$*.c -- -std=gnu17 -D_GNU_SOURCE -DCPROFD_VERSION='""' $2 2>$$@.err || { cat $$@.err >&2; exit 1; }
	$$(Q)mv $$@.err $$@
endef
$(eval $(call c_object,lib,$(LIB_INC)))
$(eval $(call c_object,daemon,$(DAEMON_INC)))
$(eval $(call c_object,cli,$(LIB_INC) -Icli))
$(eval $(call c_object,tests,$(TEST_INC)))
# libFuzzer has no header that declares the function it calls
$(eval $(call c_object,tests/parsers,$(TEST_INC) -Wno-missing-prototypes))
$(patsubst %.c,$(O)/%.o,$(filter-out %.bpf.c,$(wildcard daemon/sampler/*.c daemon/tracker/*.c tests/live/*.c tests/bench/*.c))): | $(BPF_SKEL)

$(O)/gen/%.o: $(O)/gen/%.c Makefile | $(PROTO_HDR)
	$(call say,CC,$@)
	$(Q)$(CC) -std=gnu17 $(CFLAGS) $(HARDENING) $(SANITIZER) -I$(O)/gen $(DEPFLAGS) -c $< -o $@

define archive # archive, objects
$1: $2
	$$(call say,AR,$$@)
	$$(Q)mkdir -p $$(@D) && rm -f $$@ && $(AR) rcs $$@ $2
endef
$(foreach p,$(LIB_PARTS),$(eval $(call archive,$(O)/lib/$p.a,$(patsubst %.c,$(O)/%.o,$(call sources,lib/$p)))))
$(foreach p,$(DAEMON_PARTS),$(eval $(call archive,$(O)/daemon/$p.a,$(patsubst %.c,$(O)/%.o,$(call sources,daemon/$p)))))
$(eval $(call archive,$(O)/cli.a,$(patsubst %.c,$(O)/%.o,$(call sources,cli))))
$(eval $(call archive,$(O)/proto.a,$(PROTOS:%=$(O)/gen/proto/%.pb-c.o)))

# ---- programs ---------------------------------------------------------------------------

define program # name, main object, part
$(O)/bin/$1: $2 $(call archives_of,$3)
	$$(call say,LD,$$@)
	$$(Q)mkdir -p $$(@D) && $$(CC) $$(BASE_LDFLAGS) $$(LDFLAGS) -o $$@ $2 $(call archives_of,$3) $(call libs_of,$3)
endef
$(eval $(call program,cprofd,$(O)/daemon/cprofd/main.o,cprofd))
$(eval $(call program,cprofctl,$(O)/cli/main.o,cli))
$(eval $(call program,cprofd-symbolizer,$(O)/daemon/symbolizer/main.o,symbolizer))

# ---- tests: tests/{unit,live}/test_PART_WHAT.c links PART and what it needs -------------

UNIT_TESTS := $(patsubst tests/%.c,$(O)/tests/%,$(wildcard tests/unit/test_*.c))
LIVE_TESTS := $(patsubst tests/%.c,$(O)/tests/%,$(wildcard tests/live/test_*.c))
BENCHES    := $(patsubst tests/%.c,$(O)/tests/%,$(wildcard tests/bench/bench_*.c))
# what Python tests drive: tests/parsers/tool_PART_WHAT.c
TOOLS      := $(patsubst tests/%.c,$(O)/tests/%,$(wildcard tests/parsers/tool_*.c))
part_of     = $(word 2,$(subst _, ,$(notdir $1)))

define test_program # name
$1: $1.o $(call archives_of,$(call part_of,$1))
	$$(call say,LD,$$@)
	$$(Q)$$(CC) $$(BASE_LDFLAGS) -o $$@ $$< $(call archives_of,$(call part_of,$1)) $(call libs_of,$(call part_of,$1)) $(if $(filter test_%,$(notdir $1)),$(call pkg_libs,cmocka))
endef
$(foreach t,$(UNIT_TESTS) $(LIVE_TESTS) $(BENCHES) $(TOOLS),$(eval $(call test_program,$t)))
# what daemon/symbols is tested against: it stands beside the tests that start it
FAKE_SYMBOLIZER := $(O)/tests/unit/fake_symbolizer
$(FAKE_SYMBOLIZER): $(FAKE_SYMBOLIZER).o $(call archives_of,control)
	$(call say,LD,$@)
	$(Q)$(CC) $(BASE_LDFLAGS) -o $@ $< $(call archives_of,control) $(call libs_of,control)
$(O)/tests/unit/test_symbols_broker: | $(FAKE_SYMBOLIZER)
unit: $(UNIT_TESTS)
live: $(PROGRAMS) $(LIVE_TESTS)

# ---- parsers: tests/parsers/fuzz_PART_WHAT.c is a libFuzzer target; its corpus is replayed

FUZZERS   := $(patsubst tests/parsers/fuzz_%.c,%,$(wildcard tests/parsers/fuzz_*.c))
REPLAYERS := $(FUZZERS:%=$(O)/tests/parsers/replay_%)

define parser # PART_WHAT, program's prefix, objects, flags
$(O)/tests/parsers/$2_$1: $(O)/tests/parsers/fuzz_$1.o $3 $(call archives_of,$(firstword $(subst _, ,$1)))
	$$(call say,LD,$$@)
	$$(Q)$$(CC) $$(BASE_LDFLAGS) $4 -o $$@ $(O)/tests/parsers/fuzz_$1.o $3 $(call archives_of,$(firstword $(subst _, ,$1))) $(call libs_of,$(firstword $(subst _, ,$1)))
endef
$(foreach t,$(FUZZERS),$(eval $(call parser,$t,replay,$(O)/tests/parsers/replay.o,)))
$(foreach t,$(FUZZERS),$(eval $(call parser,$t,fuzz,,-fsanitize=fuzzer)))
parsers: $(REPLAYERS) $(TOOLS)

FUZZ_SECONDS ?= 60
fuzz:
	+$(Q)$(MAKE) --no-print-directory O=$(O)-fuzz CC=$(CLANG) SANITIZE=1 FUZZ=1 fuzz-run
fuzz-run: $(FUZZERS:%=fuzz-run-%)
fuzz-run-%: $(O)/tests/parsers/fuzz_%
	$(call say,FUZZ,$<)
	$(Q)mkdir -p $(O)/found/$* && $< -max_total_time=$(FUZZ_SECONDS) -print_final_stats=1 -verbosity=0 \
		-artifact_prefix=$(O)/found/$*- $(O)/found/$* tests/parsers/corpus/$*

# ---- check: every ring, or one (check-unit ...); docs/TESTING.md ------------------------

RINGS := lint unit sanitize parsers cli live kernels
export CPROFD_BUILD := $(abspath $(O))

check: checkable
	$(Q)tests/run
$(RINGS:%=check-%): check-%: checkable-%
	$(Q)tests/run $*
lint: check-lint
checkable: $(RINGS:%=checkable-%)
checkable-lint:
checkable-unit: unit
checkable-sanitize:
	+$(Q)$(MAKE) --no-print-directory O=$(O)-san SANITIZE=1 unit parsers
checkable-parsers: parsers
checkable-cli checkable-kernels: all
checkable-live: live
AS_ROOT += $(RINGS:%=check-%)

tidied: $(patsubst %.c,$(O)/tidy/%.ok,$(filter-out %.bpf.c,$(wildcard lib/*/*.c daemon/*.c daemon/*/*.c cli/*.c tests/unit/*.c tests/parsers/*.c)))
benches: $(BENCHES)
bench: all benches
	$(Q)tests/bench/run

demo: all
	$(Q)demo/run

# ---- install ----------------------------------------------------------------------------

MAN1       := $(wildcard docs/man/*.1)
INSTALLED  := bin/cprofctl sbin/cprofd libexec/cprofd/cprofd-symbolizer $(MAN1:docs/man/%=share/man/man1/%)
into        = $(DESTDIR)$(PREFIX)/$1

install: all
	install -D -m 755 $(O)/bin/cprofctl $(call into,bin/cprofctl)
	install -D -m 755 $(O)/bin/cprofd $(call into,sbin/cprofd)
	install -D -m 755 $(O)/bin/cprofd-symbolizer $(call into,libexec/cprofd/cprofd-symbolizer)
	$(foreach m,$(MAN1),install -D -m 644 $m $(call into,share/man/man1/$(notdir $m)) &&) :

uninstall:
	rm -f $(foreach f,$(INSTALLED),$(call into,$f))
	rmdir --ignore-fail-on-non-empty $(call into,libexec/cprofd) 2>/dev/null || :

clean:
	rm -rf $(O) $(O)-san $(O)-werror $(O)-fuzz

help:
	@sed -n 's/^# help: //p' Makefile

# help: all          the three programs, in $(O)/bin (the default)
# help: deps         apt-get install what building and running need
# help: deps-check   ... and what only tests need
# help: demo         sample this machine for 10 s while it works; needs root
# help: install      into $(DESTDIR)$(PREFIX); uninstall removes exactly that
# help: check        every test; check-lint check-unit check-sanitize check-parsers
# help:              check-cli check-live check-kernels: one ring
# help: lint         check-lint
# help: fuzz         each parser under libFuzzer for FUZZ_SECONDS (60)
# help: bench        costs per sample, beside others'
# help: clean        remove what was built

$(foreach t,$(AS_ROOT),$(eval $(call keep_root,$t)))
.PHONY: all generated unit live parsers fuzz fuzz-run check lint tidied checkable benches bench demo install uninstall clean help \
	$(RINGS:%=check-%) $(RINGS:%=checkable-%)
.DELETE_ON_ERROR:
.SECONDARY:
-include $(shell find $(O) -name '*.d' 2>/dev/null)

endif
