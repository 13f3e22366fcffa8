/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/nano/embedded.h"

__asm__(".section .rodata\n"
        ".balign 64\n"
        ".global nano_bytes\n"
        "nano_bytes:\n"
        ".incbin \"engine/nano/nano.gguf\"\n"
        ".global nano_end\n"
        "nano_end:\n"
        ".byte 0\n"
        ".text\n");

extern const uint8_t nano_end[];

size_t nano_len(void)
{
    return (size_t)((uintptr_t)nano_end - (uintptr_t)nano_bytes);
}
