/* passes.c - the passes' names, and switching them on and off. */
#include <string.h>

#include "graph/plan.h"

static const char *const names[HEED_N_PASSES] = {
    [HEED_PASS_DEAD] = "dead",           [HEED_PASS_FOLD] = "fold",
    [HEED_PASS_SIMPLIFY] = "simplify",   [HEED_PASS_CSE] = "cse",
    [HEED_PASS_ABSORB] = "absorb",       [HEED_PASS_PACK] = "pack",
    [HEED_PASS_PLACE] = "place",         [HEED_PASS_FUSE] = "fuse",
    [HEED_PASS_RECOMPUTE] = "recompute", [HEED_PASS_STAGE] = "stage",
    [HEED_PASS_INPLACE] = "inplace",     [HEED_PASS_REUSE] = "reuse",
};

const char *heed_pass_name(heed_pass pass)
{
    return names[pass];
}

static bool switch_one(const char *name, size_t length, bool on, unsigned *enabled)
{
    bool all = length == 3 && memcmp(name, "all", 3) == 0;
    bool none = length == 4 && memcmp(name, "none", 4) == 0;
    if (all || none) {
        *enabled = all == on ? ~0u : 0;
        return true;
    }
    for (int i = 0; i < HEED_N_PASSES; i++) {
        if (strlen(names[i]) != length || memcmp(names[i], name, length) != 0) continue;
        *enabled = on ? *enabled | 1u << i : *enabled & ~(1u << i);
        return true;
    }
    return false;
}

bool heed_pass_parse(const char *text, unsigned *enabled, heed_error *error)
{
    while (text && *text) {
        size_t length = strcspn(text, ",");
        bool sign = *text == '-' || *text == '+';
        const char *name = text + sign;
        if (length > sign && !switch_one(name, length - sign, *text != '-', enabled)) {
            char list[200] = "";
            for (int i = 0; i < HEED_N_PASSES; i++) {
                if (i) strcat(list, ", ");
                strcat(list, names[i]);
            }
            return heed_fail(error,
                             "HEED_PASSES: no pass is called '%.*s'; there are %s, and all, none",
                             (int)(length - sign), name, list);
        }
        text += length;
        if (*text == ',') text++;
    }
    return true;
}
