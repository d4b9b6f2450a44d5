#ifndef SNAPFS_CCOROUTINE_H
#define SNAPFS_CCOROUTINE_H
#include <stddef.h>
#include <stdint.h>
#include <ucontext.h>

// makecontext passes ints only.
static void snapfs_enter(unsigned body_high, unsigned body_low, unsigned argument_high,
                         unsigned argument_low)
{
    void (*body)(void *) = (void (*)(void *))((uintptr_t)body_high << 32 | body_low);
    body((void *)((uintptr_t)argument_high << 32 | argument_low));
}

// Makes a context that calls body(argument) on a stack of its own; body never returns.
static inline int snapfs_prepare(ucontext_t *context, void *stack, size_t size,
                                 void (*body)(void *), void *argument)
{
    if (getcontext(context) != 0)
        return -1;
    context->uc_stack.ss_sp = stack;
    context->uc_stack.ss_size = size;
    context->uc_link = NULL;
    makecontext(context, (void (*)(void))snapfs_enter, 4, (unsigned)((uintptr_t)body >> 32),
                (unsigned)(uintptr_t)body, (unsigned)((uintptr_t)argument >> 32),
                (unsigned)(uintptr_t)argument);
    return 0;
}

static inline int snapfs_switch(ucontext_t *from, const ucontext_t *to)
{
    return swapcontext(from, to);
}
#endif
