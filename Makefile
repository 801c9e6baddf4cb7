# Heed's build. `make` builds the library, the tool and the models; `make run` trains the pointer
# network; `make test` runs the suite; `make lint` checks. Objects go to build/, which mirrors the
# tree. CC, CFLAGS, PREFIX, DESTDIR and OPENMP=1 do what one expects.
B       ?= build
comma   := ,
CC      ?= cc
PREFIX  ?= /usr/local
VERSION := 0.1.0
OS      := $(shell uname -s)
MACHINE := $(shell $(CC) -dumpmachine | cut -d- -f1)

WARN   := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith \
          -Wcast-qual -Wwrite-strings -Wvla -Wundef
CFLAGS ?= -O2 -g
STD    := -std=c11 -D_POSIX_C_SOURCE=200809L -D_DARWIN_C_SOURCE -fPIC -pthread -I. \
          -DHEED_VERSION='"$(VERSION)"' $(WARN) $(WERROR) $(if $(OPENMP),-fopenmp -DHEED_OPENMP)
LIBS   := -lm -pthread $(if $(OPENMP),-fopenmp)
LIBDEF := -DHEED_NO_LOCATIONS
SONAME := $(if $(filter Darwin,$(OS)),-install_name @rpath/libheed.so.0,\
          -Wl$(comma)-soname$(comma)libheed.so.0)
JOBS   ?= $(shell getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)
Q      ?= @

# Instruction sets that kernels are stamped out for, and the compiler's flags for each.
ifneq (,$(filter x86_64 amd64,$(MACHINE)))
ISAS := portable avx2 avx512
else ifneq (,$(filter aarch64 arm64,$(MACHINE)))
ISAS := portable neon
else
ISAS := portable
endif
KERNEL_OPT   ?= -O3
KERNEL       := $(KERNEL_OPT) -fno-math-errno -fno-trapping-math -fno-signed-zeros \
                -ffp-contract=fast -Wno-unused-parameter -Wno-psabi -DHEED_STAMP
ISA_portable := -DHEED_VECTOR_BYTES=16
ISA_neon     := -DHEED_VECTOR_BYTES=16
ISA_avx2     := -DHEED_VECTOR_BYTES=32 -mavx2 -mfma
ISA_avx512   := -DHEED_VECTOR_BYTES=64 -mavx2 -mfma -mavx512f -mavx512dq -mavx512bw -mavx512vl \
                -mprefer-vector-width=512

LIB_SRC    := $(wildcard tensor/*.c graph/*.c graph/passes/*.c ops/*.c ops/micro/*.c optim/*.c \
                models/layers/*.c)
KERNEL_SRC := $(shell grep -l '^.ifdef HEED_STAMP' ops/*.c ops/micro/*.c optim/*.c 2>/dev/null)
MODEL_SRC  := $(wildcard models/*.c)
TOOL_SRC   := $(wildcard tools/*.c)
# models/NAME.c is a program; a name with an underscore is a part of others.
MODELS     := $(foreach m,$(patsubst models/%.c,%,$(filter-out models/main.c models/harness.c \
                models/picture.c,$(MODEL_SRC))),$(if $(findstring _,$(m)),,$(m)))
TEST_SRC   := $(filter-out tests/fuzz_%.c,$(wildcard tests/*.c)) $(if $(PLAIN),tests/plain/runner.c)
DATA_SRC   := $(wildcard models/data/*.c)

STAMPS   := $(foreach i,$(ISAS),f32_$(i) f64_$(i))
LIB_OBJ  := $(LIB_SRC:%.c=$(B)/%.o) $(foreach s,$(STAMPS),$(KERNEL_SRC:%.c=$(B)/%.$(s).o))
PROG_OBJ := $(patsubst %.c,$(B)/%.o,$(filter-out models/main.c,$(MODEL_SRC)) $(DATA_SRC))
TOOL_OBJ := $(TOOL_SRC:%.c=$(B)/%.o)
TEST_OBJ := $(TEST_SRC:%.c=$(B)/%.o)
PROGRAMS := $(MODELS:%=$(B)/models/%)

all: $(B)/libheed.a $(B)/libheed.so $(B)/tools/heed $(PROGRAMS)

$(LIB_SRC:%.c=$(B)/%.o): $(B)/%.o: %.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(STD) $(CFLAGS) $(LIBDEF) -MMD -MP -c $< -o $@
$(PROG_OBJ) $(TOOL_OBJ) $(TEST_OBJ): $(B)/%.o: %.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(STD) $(CFLAGS) -MMD -MP -c $< -o $@
# make.f32_avx2 and its like: one rule for each {element type, instruction set}.
define STAMP_RULE
$(KERNEL_SRC:%.c=$(B)/%.$(1)_$(2).o): $(B)/%.$(1)_$(2).o: %.c
	@mkdir -p $$(@D)
	$$(Q)$$(CC) $$(STD) $$(CFLAGS) $$(LIBDEF) $$(KERNEL) $$(ISA_$(2)) -DHEED_STAMP_DTYPE=$(1) \
	  -DHEED_STAMP_ISA=$(2) -DHEED_STAMP_$(if $(filter f64,$(1)),F64,F32)=1 -MMD -MP -c $$< -o $$@
endef
$(foreach i,$(ISAS),$(foreach d,f32 f64,$(eval $(call STAMP_RULE,$(d),$(i)))))

$(B)/libheed.a: $(LIB_OBJ)
	$(Q)rm -f $@ && $(AR) rcs $@ $^
$(B)/libheed.so: $(LIB_OBJ)
	$(Q)$(CC) -shared $(SONAME) $(CFLAGS) $^ -o $@ $(LIBS)
# A model's program is the common main, told which model it is.
$(PROGRAMS:%=%.main.o): $(B)/models/%.main.o: models/main.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(STD) $(CFLAGS) -DHEED_MODEL=heed_model_$* -MMD -MP -c $< -o $@
$(PROGRAMS): %: %.main.o $(PROG_OBJ) $(B)/libheed.a
	$(Q)$(CC) $(CFLAGS) $^ -o $@ $(LIBS)
$(B)/tools/heed: $(TOOL_OBJ) $(PROG_OBJ) $(B)/libheed.a
	$(Q)$(CC) $(CFLAGS) $^ -o $@ $(LIBS)
$(B)/tests/heed_tests: $(TEST_OBJ) $(PROG_OBJ) $(B)/libheed.a
	$(Q)$(CC) $(CFLAGS) $^ -o $@ $(if $(PLAIN),,-lcriterion) $(LIBS)

run: ; @$(MAKE) --no-print-directory -j$(JOBS) all && $(B)/models/ptrnet --task sort --n 10

# Criterion 2.4 runs each test in a process of its own; `make test T='graph_*'` picks suites.
test:
	@$(if $(PLAIN),,sh tests/criterion.sh)
	@$(MAKE) --no-print-directory -j$(JOBS) all $(B)/tests/heed_tests
	@HEED_BUILD=$(B) CC="$(CC)" $(B)/tests/heed_tests --jobs $(JOBS) $(if $(T),--filter '$(T)/*')

asan: ; @$(SANITIZED) B=build/asan CFLAGS="-O1 -g -fno-omit-frame-pointer -fsanitize=address $(MARK)" test
ubsan: ; @$(SANITIZED) B=build/ubsan CFLAGS="-O1 -g -fsanitize=undefined $(RECOVER) $(MARK)" test
RECOVER := -fno-sanitize-recover=all
MARK := -DHEED_SANITIZED
# Criterion cannot start under the thread sanitizer: see tests/plain/criterion/criterion.h.
tsan: ; @$(SANITIZED) B=build/tsan PLAIN=1 CFLAGS="-O1 -g -fsanitize=thread -Itests/plain $(MARK)" test
SANITIZED := ASAN_OPTIONS=detect_leaks=1:allocator_may_return_null=1 \
  TSAN_OPTIONS=allocator_may_return_null=1 LSAN_OPTIONS=suppressions=tests/lsan.txt \
  $(MAKE) --no-print-directory KERNEL_OPT=-O1

SOURCES = $(LIB_SRC) $(MODEL_SRC) $(DATA_SRC) $(TOOL_SRC) $(wildcard tests/*.c */*.h */*/*.h *.h)
lint:
	clang-format --dry-run --Werror $(SOURCES)
	@awk 'length($$0) > 100 { print FILENAME ":" FNR ": more than 100 columns"; bad = 1 } \
	  END { exit bad }' $(SOURCES) $(wildcard tests/*/*.c)
	sh tests/include_direction.sh
	@$(MAKE) --no-print-directory -j$(JOBS) CC=gcc B=build/lint-gcc WERROR=-Werror all
	@$(MAKE) --no-print-directory -j$(JOBS) CC=clang B=build/lint-clang WERROR=-Werror all
	cppcheck --quiet --error-exitcode=1 --std=c11 --inline-suppr -j $(JOBS) -I. \
	  --suppressions-list=tests/cppcheck.txt $(LIB_SRC) $(MODEL_SRC) $(TOOL_SRC)

DEST := $(DESTDIR)$(PREFIX)
HEADERS := $(wildcard tensor/*.h graph/*.h ops/*.h optim/*.h models/layers/*.h)
install: all
	install -d $(DEST)/lib/pkgconfig $(DEST)/bin $(DEST)/include/heed
	for h in $(HEADERS); do install -D -m 644 $$h $(DEST)/include/heed/$$h || exit 1; done
	install -m 644 heed.h $(DEST)/include/heed/heed.h
	install -m 644 $(B)/libheed.a $(DEST)/lib/libheed.a
	install -m 755 $(B)/libheed.so $(DEST)/lib/libheed.so.0
	ln -sf libheed.so.0 $(DEST)/lib/libheed.so
	install -m 755 $(B)/tools/heed $(DEST)/bin/heed
	sed -e 's|@PREFIX@|$(PREFIX)|' -e 's|@VERSION@|$(VERSION)|' \
	  -e 's|@OPENMP@|$(if $(OPENMP),-fopenmp)|' heed.pc.in > $(DEST)/lib/pkgconfig/heed.pc

# tests/fuzz_NAME.c with libFuzzer: make fuzz F=safetensors SECONDS=60
fuzz:
	@$(MAKE) --no-print-directory -j$(JOBS) CC=clang B=build/fuzz \
	  CFLAGS="-O1 -g -fsanitize=address,fuzzer-no-link" build/fuzz/libheed.a
	clang -O1 -g -fsanitize=address,fuzzer -I. -D_POSIX_C_SOURCE=200809L tests/fuzz_$(F).c \
	  build/fuzz/libheed.a -o build/fuzz/fuzz_$(F) $(LIBS)
	build/fuzz/fuzz_$(F) -max_total_time=$(or $(SECONDS),60)

format: ; clang-format -i $(SOURCES)
clean: ; rm -rf build
.PHONY: all run test asan ubsan tsan lint install fuzz format clean
-include $(shell find $(B) -name '*.d' 2>/dev/null)
