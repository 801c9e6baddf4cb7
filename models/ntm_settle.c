/* ntm_settle.c - what each task takes where nothing else is asked for. */
#include "models/ntm.h"

/* Of the paper: lengths and widths. Batch, learning rate, sequences and controller were tried out
 * for copy and recall, a little for the others. */
typedef struct habits {
    heed_range length, repeats;
    int64_t bits, heads, hidden;
    ntm_controller controller;
    int64_t batch, sequences;
    double lr, hold;
    double strength, gate, write_cost;
    bool alike, together;
    int64_t starts;
} habits;

/* clang-format off */
static const habits of_task[] = {
    [HEED_COPY] = { { 1, 20 }, { 1, 1 }, 8, 1, 100, NTM_FEEDFORWARD, 4, 17000, 5e-3, 0,
                    4, 0.27, 0.03, false, true, 4 },
    [HEED_REPEAT_COPY] = { { 1, 10 }, { 1, 10 }, 8, 1, 100, NTM_FEEDFORWARD, 2, 60000, 4e-3, 0,
                           4, 0.27, 0, false, false, 4 },
    [HEED_RECALL] = { { 2, 6 }, { 1, 1 }, 6, 2, 200, NTM_FEEDFORWARD, 16, 60000, 5e-3, 0.6,
                      8, 0.5, 0.03, true, true, 4 },
    [HEED_NGRAM] = { { 200, 200 }, { 1, 1 }, 1, 1, 100, NTM_LSTM, 16, 40000, 6e-3, 0,
                     4, 0.5, 0, false, false, 3 },
    [HEED_SORT] = { { 20, 20 }, { 1, 1 }, 8, 4, 100, NTM_LSTM, 16, 40000, 6e-3, 0,
                    4, 0.5, 0, false, false, 1 },
};
/* clang-format on */

static bool given(heed_range range)
{
    return range.high > 0;
}

static heed_range first_given(heed_range a, heed_range b)
{
    return given(a) ? a : b;
}

/* An option of another task would do nothing. */
static bool belongs(const ntm *o, heed_sequence_task task, heed_error *error)
{
    const bool recall = task == HEED_RECALL, repeat = task == HEED_REPEAT_COPY;
    if (!recall && (given(o->items) || given(o->test_items)))
        return heed_fail(error, "--items and --test-items belong to --task recall; other tasks "
                                "have a --length");
    if (recall && (given(o->length) || given(o->test_length)))
        return heed_fail(error, "--task recall has no --length: give --items or --test-items");
    if (!repeat && (given(o->repeats) || given(o->test_repeats)))
        return heed_fail(error, "--repeats and --test-repeats belong to --task repeat-copy");
    return true;
}

static bool lengths_are_right(const heed_sequences *s, heed_error *error)
{
    if (s->length.low < (s->task == HEED_RECALL ? 2 : 1))
        return heed_fail(error, s->task == HEED_RECALL
                                    ? "--items: recall needs at least 2, one to ask about and one "
                                      "behind it"
                                    : "--length: a sequence has at least 1 vector");
    return s->repeats.low > 0 || heed_fail(error, "--repeats: at least 1 copy");
}

static bool memory_is_right(const ntm *o, const heed_settings *settings, heed_error *error)
{
    if (!o->no_memory) return true;
    if (o->controller == NTM_FEEDFORWARD)
        return heed_fail(error, "--controller feedforward with --no-memory could remember nothing; "
                                "leave one of them out");
    if (!settings->show && !settings->picture && !settings->dump_attention) return true;
    return heed_fail(error, "--no-memory leaves no attention to --show, to draw with --picture or "
                            "to write with --dump-attention");
}

bool ntm_settle(void *own, heed_settings *settings, heed_error *error)
{
    ntm *o = own;
    const heed_sequence_task task = (heed_sequence_task)settings->task_index;
    const habits *usual = &of_task[task];
    const bool recall = task == HEED_RECALL;
    if (!belongs(o, task, error) || !memory_is_right(o, settings, error)) return false;
    if (o->controller == NTM_USUAL)
        o->controller = o->no_memory ? NTM_LSTM : (int)usual->controller;
    if (o->bits == 0) o->bits = usual->bits;
    if (o->heads == 0) o->heads = usual->heads;
    if (o->hidden == 0) o->hidden = usual->hidden;
    heed_range *length = recall ? &o->items : &o->length;
    *length = first_given(*length, usual->length);
    o->repeats = first_given(o->repeats, usual->repeats);
    o->train = (heed_sequences){ .task = task,
                                 .bits = o->bits,
                                 .length = *length,
                                 .repeats = o->repeats,
                                 .scale = o->repeats,
                                 .answers = o->answers };
    o->test = o->train;
    o->test.length = first_given(recall ? o->test_items : o->test_length, *length);
    o->test.repeats = first_given(o->test_repeats, o->repeats);
    o->alike |= usual->alike;
    o->together |= usual->together;
    if (o->strength == 0) o->strength = usual->strength;
    if (o->hold < 0) o->hold = usual->hold;
    if (o->gate < 0) o->gate = usual->gate;
    if (o->write_cost < 0) o->write_cost = usual->write_cost;
    if (settings->starts == 0) settings->starts = usual->starts;
    if (settings->batch == 0) settings->batch = usual->batch;
    if (settings->steps < 0) settings->steps = usual->sequences / settings->batch;
    if (settings->lr == 0) settings->lr = usual->lr;
    return lengths_are_right(&o->train, error) && lengths_are_right(&o->test, error);
}
