# SPDX-License-Identifier: GPL-3.0-or-later
#
# bankai.  `make run` and `make check` do everything on a fresh Debian machine;
# `make help` lists all targets.  Whatever is built lies in $(B).

.DEFAULT_GOAL := all
B       ?= build
CC      := $(if $(filter default,$(origin CC)),gcc,$(CC))
VERSION := 0.1.0
DESTDIR ?=
PREFIX  ?= /usr/local

# ---- what it is made of -----------------------------------------------------

SOURCES := $(sort $(wildcard src/*.c src/*/*.c engine/*.c engine/*/*.c patches/*.c probes/*.c \
             probes/*/*.c ui/*.c))
TESTS   := $(sort $(wildcard tests/unit/test_*.c tests/cli/test_*.c))
TOOLS   := $(sort $(filter-out tests/unit/test_%,$(wildcard tests/*.c tests/unit/*.c)) \
             $(filter-out tests/cli/test_%,$(wildcard tests/cli/*.c)))
BENCHES := $(sort $(wildcard tests/bench/bench_*.c))
FUZZERS := $(sort $(wildcard tests/fuzz/fuzz_*.c))

MACHINE := $(shell uname -m)
ifneq ($(MACHINE),x86_64)
  SOURCES := $(filter-out engine/kernel/avx% engine/kernel/amx%,$(SOURCES))
endif
ifneq ($(MACHINE),aarch64)
  SOURCES := $(filter-out engine/kernel/neon%,$(SOURCES))
endif

OBJECTS   := $(SOURCES:%.c=$(B)/%.o)
LIBRARY   := $(filter-out $(B)/src/main.o,$(OBJECTS))
TEST_RUNS := $(TESTS:%.c=$(B)/%)
FUZZ_RUNS := $(FUZZERS:%.c=$(B)/%)
BENCH_RUNS := $(BENCHES:%.c=$(B)/%)

# ---- flags ------------------------------------------------------------------
# Numbers must be the same bits everywhere (engine/kernel/README.md): no
# contraction, no fast-math, baseline x86-64 except in kernel files.

WARNINGS := @tests/tools/warnings-$(if $(findstring clang,$(CC)),clang,gcc).txt
OPTIMIZE := $(if $(DEBUG),-O0,-O2)
SANITIZE := $(if $(SAN),-fsanitize=$(SAN) -fno-sanitize-recover=all -fno-omit-frame-pointer)
LIBS     := jansson libpcre2-8 libcrypto ncursesw readline sqlite3
CFLAGS_ALL = -std=c11 -D_GNU_SOURCE -I. -ffp-contract=off -fopenmp -g $(OPTIMIZE) $(WARNINGS) \
             $(WERROR) $(SANITIZE) -DBANKAI_VERSION='"$(VERSION)"' -MMD -MP $(CFLAGS)
LINK_ALL   = -fopenmp $(SANITIZE) $(LDFLAGS)

AVX512 = -mavx2 -mfma -mf16c -mavx512f -mavx512bw -mavx512vl -mavx512dq -mavx512vbmi -mavx512vnni
KERNEL_FLAGS = -O3 -fno-math-errno -fno-trapping-math
$(B)/engine/kernel/%.o:       EXTRA = $(KERNEL_FLAGS)
level = $(filter $(B)/engine/kernel/$(1).o $(B)/engine/kernel/$(1)_%.o,$(OBJECTS))
$(call level,avx2):   EXTRA = $(KERNEL_FLAGS) -mavx2 -mfma -mf16c
$(call level,avx512): EXTRA = $(KERNEL_FLAGS) $(AVX512)
$(call level,amx):    EXTRA = $(KERNEL_FLAGS) $(AVX512) -mamx-tile -mamx-int8
# The same with tiles emulated in C, for tests/unit/test_amx.
EMULATED := $(patsubst engine/kernel/%.c,$(B)/tests/unit/emulated_%.o,\
              $(filter engine/kernel/amx_product.c,$(SOURCES)))
$(EMULATED): EXTRA = $(KERNEL_FLAGS) $(AVX512) -DAMX_EMULATED

V       ?=
Q       := $(if $(V),,@)
SHOW    := @$(if $(V),:,echo)

# ---- building ---------------------------------------------------------------

.PHONY: all
all: $(B)/bankai ## build $(B)/bankai

# Missing packages are installed by the targets that promise it, named by all.
INSTALLING := $(filter deps run check lint nano fuzz check-san check-neon golden,$(MAKECMDGOALS))
$(B)/deps.ok: tests/tools/deps.sh
	@mkdir -p $(@D)
	@sh tests/tools/deps.sh $(if $(INSTALLING),--install) build
	@touch $@

$(B)/deps-check.ok: tests/tools/deps.sh
	@mkdir -p $(@D)
	@sh tests/tools/deps.sh $(if $(INSTALLING),--install) check
	@touch $@

$(B)/deps-neon.ok: tests/tools/deps.sh
	@mkdir -p $(@D)
	@sh tests/tools/deps.sh $(if $(INSTALLING),--install) neon
	@touch $@

$(patsubst %.c,$(B)/%.o,$(TESTS) $(TOOLS)): | $(B)/deps-check.ok

$(B)/%.o: %.c | $(B)/deps.ok
	@mkdir -p $(@D)
	$(SHOW) "  CC    $<"
	$(Q)$(CC) $(CFLAGS_ALL) $(EXTRA) -c $< -o $@

$(B)/tests/unit/emulated_%.o: engine/kernel/%.c | $(B)/deps.ok
	@mkdir -p $(@D)
	$(SHOW) "  CC    $< (emulated)"
	$(Q)$(CC) $(CFLAGS_ALL) $(EXTRA) -c $< -o $@

$(B)/libbankai.a: $(LIBRARY)
	@rm -f $@
	$(Q)ar qcs $@ $^

# From all objects, not the library, which would take the first of two functions
# of one name and say nothing.
$(B)/bankai: $(OBJECTS)
	$(SHOW) "  LINK  $@"
	$(Q)$(CC) $(LINK_ALL) $^ -o $@ $$(pkg-config --libs $(LIBS)) -lm

# Files that are linked in whole (.incbin) are prerequisites too.
$(B)/engine/nano/embedded.o: engine/nano/nano.gguf
$(B)/probes/builtin.o: $(wildcard probes/sets/*.json)
$(B)/ui/theme_builtin.o: $(wildcard themes/*.theme)

$(TEST_RUNS): $(B)/%: $(B)/%.o $(TOOLS:%.c=$(B)/%.o) $(B)/libbankai.a
	$(SHOW) "  LINK  $@"
	$(Q)$(CC) $(LINK_ALL) $^ -o $@ $$(pkg-config --libs $(LIBS) cmocka) -lm

$(B)/tests/unit/test_amx: $(EMULATED)

# Preloaded by a test; with a sanitizer's own allocator it has nothing to do.
FAULTY := $(B)/tests/preload/libfaulty.so
$(FAULTY): tests/preload/faulty.c | $(B)/deps-check.ok
	@mkdir -p $(@D)
	$(SHOW) "  LINK  $@"
	$(Q)$(CC) -std=c11 -D_GNU_SOURCE -O2 -g $(WARNINGS) $(WERROR) -fPIC -shared $< -o $@ -ldl

$(B)/tests/cli/test_faults: | $(FAULTY)

$(FUZZ_RUNS): $(B)/%: $(B)/%.o $(B)/tests/fuzz/replay.o $(B)/libbankai.a
	$(SHOW) "  LINK  $@"
	$(Q)$(CC) $(LINK_ALL) $^ -o $@ $$(pkg-config --libs $(LIBS)) -lm

$(B)/tests/bench/accuracy: $(B)/tests/truth.o
$(BENCH_RUNS) $(B)/tests/bench/accuracy: $(B)/%: $(B)/%.o $(B)/libbankai.a
	$(SHOW) "  LINK  $@"
	$(Q)$(CC) $(LINK_ALL) $^ -o $@ $$(pkg-config --libs $(LIBS)) -lm

# One program for this machine and for a 64-bit Arm, without any library.
COMPARED := tests/cross/compare_kernels.c tests/kernel_inputs.c \
            $(addprefix src/base/,buf.c err.c num.c rng.c text.c)
CROSSED  := $(COMPARED) $(wildcard engine/kernel/neon*.c) \
            $(addprefix engine/kernel/,kernel.c math.c ref.c ref_transposed.c)

$(B)/tests/cross/compare_kernels: $(COMPARED:%.c=$(B)/%.o) $(filter $(B)/engine/kernel/%,$(OBJECTS))
	$(SHOW) "  LINK  $@"
	$(Q)$(CC) $(LINK_ALL) $^ -o $@ -lm

$(B)/cross/compare_kernels: $(CROSSED) $(wildcard engine/kernel/*.h) | $(B)/deps-neon.ok
	@mkdir -p $(@D)
	$(SHOW) "  CROSS $@"
	$(Q)aarch64-linux-gnu-gcc -std=c11 -D_GNU_SOURCE -I. -ffp-contract=off $(KERNEL_FLAGS) \
	    @tests/tools/warnings-gcc.txt $(WERROR) -static $(CROSSED) -o $@ -lm

CORPORA := $(patsubst tests/fuzz/make_corpus_%.c,%,$(sort $(wildcard tests/fuzz/make_corpus_*.c)))
CORPUS_RUNS := $(CORPORA:%=$(B)/tests/fuzz/make_corpus_%)
$(CORPUS_RUNS): $(B)/%: $(B)/%.o $(TOOLS:%.c=$(B)/%.o) $(B)/libbankai.a
	$(SHOW) "  LINK  $@"
	$(Q)$(CC) $(LINK_ALL) $^ -o $@ $$(pkg-config --libs $(LIBS) cmocka) -lm

-include $(shell find $(B) -name '*.d' 2>/dev/null)

# ---- the two commands -------------------------------------------------------

.PHONY: run check deps
run: $(B)/bankai ## set up, build, and open the workbench on the embedded model
	@if [ -t 0 ] && [ -t 1 ] && [ "$${TERM:-dumb}" != dumb ]; then \
	    $(B)/bankai; else $(B)/bankai demo; fi

check: $(B)/bankai $(TEST_RUNS) $(FUZZ_RUNS) ## set up, build, and run all tests
	@sh tests/tools/deps.sh --install check
	@BANKAI=$(abspath $(B))/bankai BUILD=$(B) sh tests/tools/check.sh $(TEST_RUNS) -- $(FUZZ_RUNS)

deps: ## install what building and testing need
	@sh tests/tools/deps.sh --install build check

# ---- more -------------------------------------------------------------------

.PHONY: tests
tests: $(TEST_RUNS) $(FUZZ_RUNS) ## build all test programs

.PHONY: lint check-gradient
.PHONY: check-model check-san check-neon fuzz soak corpus golden bench bench-search bench-peer
.PHONY: nano install clean help
lint: $(B)/deps.ok ## layers, warnings of gcc and clang, sizes, clang-tidy
	@sh tests/tools/deps.sh --install check lint
	@MAKE="$(MAKE)" B=$(B) sh tests/tools/lint.sh

check-model: $(B)/tests/unit/test_wide ## accuracy and exactness of a model, MODEL=F
	@[ -n "$(MODEL)" ] || echo "skipped: no model, expected make check-model MODEL=FILE"
	@[ -z "$(MODEL)" ] || BANKAI_TEST_MODEL='$(MODEL)' $<

check-san: ## all tests under AddressSanitizer and UndefinedBehaviorSanitizer
	$(MAKE) B=$(B)/san SAN=address,undefined WERROR=-Werror check

# The last line is a checksum of what the reference computed: the same everywhere.
check-gradient: $(B)/bankai ## the backward pass against the recipe's Python (python3-torch)
	@/usr/bin/python3 -B tests/cross/compare_gradient.py $<

check-neon: $(B)/tests/cross/compare_kernels $(B)/cross/compare_kernels ## NEON in an emulator
	@$< >$(B)/cross/here.txt || { cat $(B)/cross/here.txt; exit 1; }
	@qemu-aarch64 $(B)/cross/compare_kernels neon >$(B)/cross/arm.txt || \
	    { cat $(B)/cross/arm.txt; exit 1; }
	@cat $(B)/cross/here.txt $(B)/cross/arm.txt
	@[ "$$(tail -n 1 $(B)/cross/here.txt)" = "$$(tail -n 1 $(B)/cross/arm.txt)" ] || \
	    { echo "check-neon: ref itself differs between the machines"; exit 1; }

T ?= 60
fuzz: ## libFuzzer on every fuzz target, T seconds each
	@sh tests/tools/deps.sh --install lint
	@T=$(T) B=$(B) sh tests/tools/fuzz.sh

# Tests whose long form is asked for by BANKAI_SOAK: how often a process is killed, and
# (whatever the number) every n of the calls that fail.
SOAKS := $(addprefix $(B)/tests/unit/test_session_,kill fault) \
         $(addprefix $(B)/tests/cli/test_,session faults)
N ?= 1000
soak: $(B)/bankai $(SOAKS) ## the long form of tests that kill and break: N=1000 kills
	@for run in $(SOAKS); do BANKAI_SOAK=$(N) BANKAI=$(abspath $(B))/bankai $$run || exit 1; done

corpus: $(CORPUS_RUNS) ## write the seeds of the GGUF and session fuzzers again
	@for name in $(CORPORA); do \
	    $(B)/tests/fuzz/make_corpus_$$name tests/fuzz/corpus/$$name || exit 1; done

golden: $(B)/tests/unit/test_golden ## write the golden screens again: read the difference
	@mkdir -p tests/golden
	@BANKAI_GOLDEN=write $<

bench: $(B)/bankai $(BENCH_RUNS) ## speed of everything, of MODEL=F too (best on a quiet machine)
	@$(B)/bankai bench --model '$(or $(MODEL),nano)'
	@for run in $(BENCH_RUNS); do $$run || exit 1; done

bench-search: $(B)/bankai ## held-out gains of training, MODELS="nano F" SEEDS=5 NULL=20 (hours)
	@python3 tests/bench/search.py $(B)/bankai $(B)/bench-search $(MODELS)

bench-peer: $(B)/bankai $(B)/tests/bench/accuracy ## llama.cpp on the same file, MODEL=F or a 1.7B
	@CC='$(CC)' sh tests/bench/peer.sh $(B) '$(MODEL)'

nano: ## train the embedded model again and say whether its hash was reproduced
	@sh tests/tools/deps.sh --install nano
	/usr/bin/python3 engine/nano/make_nano.py --out $(B)/nano

install: $(B)/bankai ## install below $(PREFIX)
	install -D -m 755 $(B)/bankai $(DESTDIR)$(PREFIX)/bin/bankai
	$(B)/bankai help --man > $(B)/bankai.1
	install -D -m 644 $(B)/bankai.1 $(DESTDIR)$(PREFIX)/share/man/man1/bankai.1

clean: ## remove $(B)
	rm -rf $(B)

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/; s/^/  make /' | expand -t 20
