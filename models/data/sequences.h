/* sequences.h - sequences of bits that ask for an algorithm: to copy, to copy several times, to
 * recall what came after an item, to predict by counting, to sort. Graves, Wayne, Danihelka 2014,
 * "Neural Turing Machines", section 4.
 *
 * A batch shares its lengths, so that every step means the same in all of it. */
#ifndef HEED_MODELS_DATA_SEQUENCES_H
#define HEED_MODELS_DATA_SEQUENCES_H

#include "models/harness.h"

typedef enum heed_sequence_task {
    HEED_COPY,        /* vectors, an end mark; then the vectors                               */
    HEED_REPEAT_COPY, /* vectors, an end mark and how often; then so many copies, an end mark */
    HEED_RECALL,      /* items of three vectors, one of them again; then the item behind it   */
    HEED_NGRAM,       /* each bit given those before it, drawn by the five before it          */
    HEED_SORT         /* vectors with priorities, an end mark; then those of highest priority */
} heed_sequence_task;

typedef struct heed_sequences {
    heed_sequence_task task;
    int64_t bits;       /* of a vector */
    heed_range length;  /* vectors; of recall: items; of n-grams: bits */
    heed_range repeats; /* of repeat copy */
    heed_range scale;   /* repeats that the number given as input is normalised for: mean 0,
                           variance 1 over this range */
    int64_t answers;    /* of sort: vectors asked for, of the highest priority */
} heed_sequences;

int64_t heed_sequences_inputs(const heed_sequences *s);  /* channels of x */
int64_t heed_sequences_outputs(const heed_sequences *s); /* bits of an answer */
int64_t heed_sequences_steps(const heed_sequences *s);   /* of the longest: T */

typedef struct heed_sequence_batch {
    heed_view x;      /* [T, B, inputs] */
    heed_view target; /* [T, B, outputs] */
    heed_view asked;  /* [T]: 1 where there is an answer to give, else 0 */
    heed_view count;  /* i32 []: steps of this batch, at most T */
} heed_sequence_batch;

/* Fill a batch, dense views. */
void heed_sequences_draw(const heed_sequences *s, heed_rng *rng, const heed_sequence_batch *batch);

/* Bits that the best possible predictor pays for sequence b of an n-gram batch: of each context, 32
 * of five bits, it has seen n0 zeros and n1 ones, and expects a one with (n1 + 1/2) / (n0 + n1 + 1)
 * (Murphy 2012, section 3.3). The first five bits cost 1 each. */
double heed_ngram_least_bits(const heed_view *target, int64_t count, int64_t b);

#endif
