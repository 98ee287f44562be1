// How a launch runs on the host: blocks one after another, a block's threads as fibers.
//
// Threads run as calls of one loop until one of them waits at a barrier: it keeps the stack that the loop ran on, and the
// loop goes on with the next thread on another. So a kernel without barriers is a plain loop. All state is static: the
// loader gives each device a copy of the object, and runs one kernel of a copy at a time.

namespace emulator {

constexpr unsigned MAX_THREADS = 1024, MAX_SHARED = 48 * 1024, ZONE = 256;
constexpr unsigned char POISON = 0xFF, ZONE_BYTE = 0xA5;

enum Failure { NONE, DIVERGED, TWO_BARRIERS, STACK, SHARED_ZONE, SHARED_SIZE };

// One launch. The loader lays it out alike (module.rs).
struct Launch {
    unsigned grid[3], threads[3];
    unsigned dynamic; // bytes of dynamic shared memory
    unsigned reversed; // whether blocks and threads go from the last to the first
    void* const* args;
    char* stacks; // one for each thread of a block
    unsigned long long stack_bytes;
    // What went wrong, where, and the lines of the barriers that threads wait at.
    unsigned failure, block[3], thread[3], waiting, line, other_line;
    unsigned long long shared_bytes; // static and dynamic
};

struct Param {
    unsigned size, kind, align; // kind: 0 pointer, 1 integer, 2 floating point, 3 struct; align: of what a pointer points to
};

struct Entry {
    void (*launch)(Launch*);
    const Param* params;
    unsigned count;
};

#if defined(__x86_64__) && !defined(EMULATOR_UCONTEXT)
typedef void* Context;
extern "C" void emulator_switch(Context* from, Context to) __asm__("emulator_switch");
__asm__(R"(
    .text
    .p2align 4
emulator_switch:
    pushq %rbp
    pushq %rbx
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    movq %rsp, (%rdi)
    movq %rsi, %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbx
    popq %rbp
    ret
)");
static void switch_to(Context& from, Context& to) { emulator_switch(&from, to); }
static void prepare(Context& context, char* stack, unsigned long long bytes, void (*entry)()) {
    void** top = (void**)(stack + bytes - 32);
    top[0] = (void*)entry; // the stack is 16-byte aligned, so the entry finds it as after a call
    top[1] = nullptr;
    for (int i = 1; i <= 6; i++) top[-i] = nullptr;
    context = top - 6;
}
#elif defined(__aarch64__) && !defined(EMULATOR_UCONTEXT)
typedef void* Context;
extern "C" void emulator_switch(Context* from, Context to) __asm__("emulator_switch");
__asm__(R"(
    .text
    .p2align 4
emulator_switch:
    sub sp, sp, #160
    stp x19, x20, [sp, #0]
    stp x21, x22, [sp, #16]
    stp x23, x24, [sp, #32]
    stp x25, x26, [sp, #48]
    stp x27, x28, [sp, #64]
    stp x29, x30, [sp, #80]
    stp d8, d9, [sp, #96]
    stp d10, d11, [sp, #112]
    stp d12, d13, [sp, #128]
    stp d14, d15, [sp, #144]
    mov x9, sp
    str x9, [x0]
    mov sp, x1
    ldp x19, x20, [sp, #0]
    ldp x21, x22, [sp, #16]
    ldp x23, x24, [sp, #32]
    ldp x25, x26, [sp, #48]
    ldp x27, x28, [sp, #64]
    ldp x29, x30, [sp, #80]
    ldp d8, d9, [sp, #96]
    ldp d10, d11, [sp, #112]
    ldp d12, d13, [sp, #128]
    ldp d14, d15, [sp, #144]
    add sp, sp, #160
    ret
)");
static void switch_to(Context& from, Context& to) { emulator_switch(&from, to); }
static void prepare(Context& context, char* stack, unsigned long long bytes, void (*entry)()) {
    void** saved = (void**)(stack + bytes - 160);
    for (int i = 0; i < 20; i++) saved[i] = nullptr;
    saved[11] = (void*)entry;
    context = saved;
}
#else
typedef ucontext_t Context;
static void switch_to(Context& from, Context& to) { swapcontext(&from, &to); }
static void prepare(Context& context, char* stack, unsigned long long bytes, void (*entry)()) {
    getcontext(&context);
    context.uc_stack.ss_sp = stack + sizeof(unsigned long long);
    context.uc_stack.ss_size = bytes - 2 * sizeof(unsigned long long);
    context.uc_link = nullptr;
    makecontext(&context, entry, 0);
}
#endif

// A thread that waited at a barrier at least once.
struct Fiber {
    Context context;
    uint3 thread;
    bool waits;
    int barrier, line;
};

constexpr unsigned long long CANARY = 0x5AFE57AC5AFE57ACull;

alignas(128) static unsigned char dynamic_shared[MAX_SHARED + ZONE];
static Launch* now;
static void (*body)(); // runs the block's remaining threads until they are over or one has waited
static Context scheduler;
static Fiber fibers[MAX_THREADS], *running;
static unsigned count, remaining, waiting, parks;
static uint3 cursor; // the next thread
static unsigned long long serial; // of the block, over all launches

__attribute__((noinline)) static void barrier(int id, int line) {
    Fiber* me = running;
    me->thread = threadIdx;
    me->waits = true;
    me->barrier = id;
    me->line = line;
    waiting++;
    parks++;
    switch_to(me->context, scheduler);
    threadIdx = me->thread;
}

// A block's first thread to get to a __shared__ variable finds it poisoned.
__attribute__((noinline)) static void shared(void* variable, unsigned long long bytes, unsigned long long& seen) {
    if (seen == serial) return;
    seen = serial;
    memset(variable, POISON, bytes);
    if (blockIdx.x == now->block[0] && blockIdx.y == now->block[1] && blockIdx.z == now->block[2]) now->shared_bytes += bytes;
}

static void entry() {
    body();
    switch_to(running->context, scheduler);
}

static inline uint3 first(const unsigned* of) {
    return now->reversed ? uint3{of[0] - 1, of[1] - 1, of[2] - 1} : uint3{0, 0, 0};
}

static inline void advance(uint3& at, const unsigned* of) {
    if (!now->reversed) {
        if (++at.x < of[0]) return;
        at.x = 0;
        if (++at.y < of[1]) return;
        at.y = 0;
        ++at.z;
    } else {
        if (at.x-- > 0) return;
        at.x = of[0] - 1;
        if (at.y-- > 0) return;
        at.y = of[1] - 1;
        --at.z;
    }
}

static unsigned long long& canary(unsigned i) { return *(unsigned long long*)(now->stacks + i * now->stack_bytes); }

static bool failed(Failure failure, const Fiber* where = nullptr) {
    now->failure = failure;
    uint3 t = where ? where->thread : uint3{0, 0, 0};
    unsigned b[3] = {blockIdx.x, blockIdx.y, blockIdx.z}, at[3] = {t.x, t.y, t.z};
    for (int i = 0; i < 3; i++) now->block[i] = b[i], now->thread[i] = at[i];
    now->line = where ? where->line : 0;
    now->waiting = waiting;
    return true;
}

// Whether something went wrong.
static bool run_block() {
    waiting = 0;
    remaining = count;
    cursor = first(now->threads);
    while (remaining) {
        running = &fibers[waiting];
        running->waits = false;
        prepare(running->context, now->stacks + waiting * now->stack_bytes, now->stack_bytes, entry);
        canary(waiting) = CANARY;
        switch_to(scheduler, running->context);
        if (canary(running - fibers) != CANARY) return failed(STACK);
    }
    while (waiting) {
        const Fiber* some = fibers;
        if (waiting < count) {
            // In the first round only threads that wait have a fiber, later all have.
            while (!some->waits) some++;
            return failed(DIVERGED, some);
        }
        for (unsigned i = 0; i < count; i++) {
            if (fibers[i].barrier != fibers[0].barrier) {
                now->other_line = fibers[i].line;
                return failed(TWO_BARRIERS, some);
            }
        }
        waiting = 0;
        for (unsigned i = 0; i < count; i++) {
            running = &fibers[i];
            running->waits = false;
            switch_to(scheduler, running->context);
            if (canary(i) != CANARY) return failed(STACK);
        }
    }
    for (unsigned i = 0; i < ZONE; i++) {
        if (dynamic_shared[now->dynamic + i] != ZONE_BYTE) return failed(SHARED_ZONE);
    }
    return false;
}

static void run(Launch* launch, void (*threads)()) {
    now = launch;
    body = threads;
    const unsigned *g = now->grid, *t = now->threads;
    gridDim = dim3(g[0], g[1], g[2]);
    blockDim = dim3(t[0], t[1], t[2]);
    count = t[0] * t[1] * t[2];
    now->shared_bytes = now->dynamic;
    memset(dynamic_shared + now->dynamic, ZONE_BYTE, ZONE);
    blockIdx = first(g);
    now->block[0] = blockIdx.x, now->block[1] = blockIdx.y, now->block[2] = blockIdx.z;
    unsigned long long blocks = 1ull * g[0] * g[1] * g[2];
    for (unsigned long long b = 0; b < blocks; b++) {
        serial++;
        memset(dynamic_shared, POISON, now->dynamic);
        if (run_block()) return;
        if (now->shared_bytes > MAX_SHARED) {
            failed(SHARED_SIZE);
            return;
        }
        advance(blockIdx, g);
    }
}

template <class T> struct ParamOf {
    static constexpr Param is = {sizeof(T), __is_class(T) ? 3u : 1u, alignof(T)};
};
template <> struct ParamOf<float> { static constexpr Param is = {4, 2, 4}; };
template <> struct ParamOf<double> { static constexpr Param is = {8, 2, 8}; };
template <class T> struct ParamOf<T*> { static constexpr Param is = {8, 0, alignof(T)}; };
template <> struct ParamOf<void*> { static constexpr Param is = {8, 0, 1}; };
template <> struct ParamOf<const void*> { static constexpr Param is = {8, 0, 1}; };

template <int... I> struct Indices {};
template <int N, int... I> struct UpTo : UpTo<N - 1, N - 1, I...> {};
template <int... I> struct UpTo<0, I...> { typedef Indices<I...> Type; };

template <auto F> struct Kernel;
template <class... P, void (*F)(P...)> struct Kernel<F> {
    static_assert((0 + ... + sizeof(P)) <= 4096, "the parameters of a kernel take at most 4096 bytes");
    static constexpr Param params[sizeof...(P) + 1] = {ParamOf<P>::is..., {0, 0, 0}};

    template <int... I> static void threads(Indices<I...>) {
        void* const* args = now->args;
        (void)args;
        while (remaining) {
            remaining--;
            threadIdx = cursor;
            advance(cursor, now->threads);
            unsigned before = parks;
            F(*(P*)args[I]...);
            if (parks != before) return; // others have run the rest
        }
    }
    static void all() { threads(typename UpTo<sizeof...(P)>::Type()); }
    static void launch(Launch* l) { run(l, all); }
    static constexpr Entry entry() { return {launch, params, sizeof...(P)}; }
};

} // namespace emulator
