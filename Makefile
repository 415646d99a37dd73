# SPDX-License-Identifier: Apache-2.0
#
# One non-recursive makefile. `make help` lists what can be made.
#   O=DIR       build there (default: build)      V=1         show commands
#   SANITIZE=1  build with ASan and UBSan          DESTDIR=, PREFIX=  for install

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

# ---- flags ------------------------------------------------------------------------------

CFLAGS    ?= -O2 -g
WARNINGS  := -Wall -Wextra -Wshadow -Wvla -Wstrict-prototypes -Wmissing-prototypes -Wformat=2 \
	-Wpointer-arith -Wcast-qual -Wundef -Wwrite-strings $(if $(WERROR),-Werror)
HARDENING := -fstack-protector-strong -fPIE $(if $(SANITIZE),,-D_FORTIFY_SOURCE=2)
SANITIZER := $(if $(SANITIZE),-fsanitize=address$(comma)undefined -fno-sanitize-recover=all -fno-omit-frame-pointer)
comma     := ,
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
DAEMON_PARTS := opener sampler tracker store symbols collect profile server symbolizer
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
NEEDS_symbolizer := control base proto
NEEDS_cli        := report pprof control base proto

LIBS_base       := $(call pkg_libs,libxxhash libprotobuf-c)
LIBS_pprof      := $(call pkg_libs,zlib)
LIBS_proto      := $(call pkg_libs,libprotobuf-c)
LIBS_opener     := $(call pkg_libs,libseccomp)
LIBS_sampler    := $(call pkg_libs,libbpf)
LIBS_symbols    := $(call pkg_libs,libsystemd)
LIBS_server     := $(call pkg_libs,libsystemd)
LIBS_symbolizer := $(call pkg_libs,libdw libelf libseccomp) $(LIBIBERTY)

archive_of  = $(if $(filter proto,$1),$(O)/proto.a,$(if $(filter cli,$1),$(O)/cli.a,$(if $(filter $1,$(LIB_PARTS)),$(O)/lib/$1.a,$(O)/daemon/$1.a)))
archives_of = $(foreach p,$1 $(NEEDS_$1),$(call archive_of,$p))
libs_of     = $(foreach p,$1 $(NEEDS_$1),$(LIBS_$p))

sources     = $(filter-out %/main.c,$(wildcard $1/*.c))
PROTO_HDR  := $(PROTOS:%=$(O)/gen/proto/%.pb-c.h)
BPF_SKEL   := $(patsubst bpf/%.bpf.c,$(O)/gen/bpf/%.skel.h,$(wildcard bpf/*.bpf.c))
GENERATED  := $(PROTO_HDR) $(BPF_SKEL)

PROGRAMS   := $(O)/bin/cprofd $(O)/bin/cprofctl $(O)/bin/cprofd-symbolizer

all: $(PROGRAMS)

# ---- generated code ---------------------------------------------------------------------

$(O)/gen/proto/%.pb-c.c $(O)/gen/proto/%.pb-c.h &: proto/%.proto
	$(call say,PROTO,$<)
	$(Q)mkdir -p $(O)/gen && protoc-c --c_out=$(O)/gen $<

BPF_CFLAGS := -g -O2 -target bpf -D__TARGET_ARCH_$(ARCH) -std=gnu17 -Wall -Wextra -Werror \
	-Wno-unused-parameter -Wno-address-of-packed-member -Ibpf \
	$(addprefix -idirafter ,$(wildcard /usr/include/$(shell $(CC) -print-multiarch)))
$(O)/bpf/%.bpf.o: bpf/%.bpf.c Makefile
	$(call say,BPF,$@)
	$(Q)mkdir -p $(@D) && $(CLANG) $(BPF_CFLAGS) $(DEPFLAGS) -MT $@ -MF $(@:.o=.d) -c $< -o $(@:.o=.tmp.o)
	$(Q)$(BPFTOOL) gen object $@ $(@:.o=.tmp.o)

$(O)/gen/bpf/%.skel.h: $(O)/bpf/%.bpf.o
	$(call say,SKEL,$@)
	$(Q)mkdir -p $(@D) && $(BPFTOOL) gen skeleton $< name $*_bpf > $@

# ---- objects and archives ---------------------------------------------------------------

define c_object # directory of objects, include path
$(O)/$1/%.o: $1/%.c Makefile | $(GENERATED)
	$$(call say,CC,$$@)
	$$(Q)mkdir -p $$(@D) && $$(CC) $$(BASE_CFLAGS) $$(CFLAGS) $2 $$(DEPFLAGS) -c $$< -o $$@
endef
$(eval $(call c_object,lib,$(LIB_INC)))
$(eval $(call c_object,daemon,$(DAEMON_INC)))
$(eval $(call c_object,cli,$(LIB_INC) -Icli))
$(eval $(call c_object,tests,$(TEST_INC)))

$(O)/gen/%.o: $(O)/gen/%.c Makefile | $(GENERATED)
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
$(eval $(call program,cprofd,$(O)/daemon/main.o,server))
$(eval $(call program,cprofctl,$(O)/cli/main.o,cli))
$(eval $(call program,cprofd-symbolizer,$(O)/daemon/symbolizer/main.o,symbolizer))

# ---- unit tests: tests/unit/test_PART_WHAT.c links PART and what it needs ---------------

UNIT_TESTS := $(patsubst tests/unit/%.c,%,$(wildcard tests/unit/test_*.c))
part_of     = $(word 2,$(subst _, ,$1))

define unit_test # name
$(O)/tests/unit/$1: $(O)/tests/unit/$1.o $(call archives_of,$(call part_of,$1))
	$$(call say,LD,$$@)
	$$(Q)$$(CC) $$(BASE_LDFLAGS) -o $$@ $$< $(call archives_of,$(call part_of,$1)) $(call libs_of,$(call part_of,$1)) $(call pkg_libs,cmocka)
endef
$(foreach t,$(UNIT_TESTS),$(eval $(call unit_test,$t)))
unit: $(UNIT_TESTS:%=$(O)/tests/unit/%)

# ---- parsers: tests/parsers/fuzz_PART_WHAT.c is a libFuzzer target; its corpus is replayed

FUZZERS := $(patsubst tests/parsers/%.c,%,$(wildcard tests/parsers/fuzz_*.c))

define replayer # name
$(O)/tests/parsers/replay_$(patsubst fuzz_%,%,$1): $(O)/tests/parsers/$1.o $(O)/tests/parsers/replay.o $(call archives_of,$(call part_of,$1))
	$$(call say,LD,$$@)
	$$(Q)$$(CC) $$(BASE_LDFLAGS) -o $$@ $(O)/tests/parsers/$1.o $(O)/tests/parsers/replay.o $(call archives_of,$(call part_of,$1)) $(call libs_of,$(call part_of,$1))
endef
$(foreach t,$(FUZZERS),$(eval $(call replayer,$t)))
REPLAYERS := $(FUZZERS:fuzz_%=$(O)/tests/parsers/replay_%)
parsers: $(REPLAYERS)

clean:
	rm -rf $(O)

.PHONY: all unit parsers clean
.DELETE_ON_ERROR:
.SECONDARY:
-include $(shell find $(O) -name '*.d' 2>/dev/null)
