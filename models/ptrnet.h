/* ptrnet.h - what the parts of the pointer network share: its settings, its tasks, its encoders. */
#ifndef HEED_MODELS_PTRNET_H
#define HEED_MODELS_PTRNET_H

#include "models/data/points.h"
#include "models/harness.h"

typedef struct ptrnet_task ptrnet_task;
typedef struct ptrnet {
    heed_range n;
    int64_t hidden, process_steps, glimpses, layers, heads, beam;
    int encoder, embed;
    bool no_mask, recompute;
    const ptrnet_task *task;
    heed_points_file file; /* of --data */
} ptrnet;

enum { ENCODER_OF_TASK, ENCODER_LSTM, ENCODER_PROCESS, ENCODER_BOTH, ENCODER_ATTENTION };
enum { EMBED_STEPS, EMBED_LINEAR };

/* ---- tasks: ptrnet_tasks.c ---- */

enum { LONGEST_ANSWER = 6 * HEED_POINTS_MOST + 1 }; /* 2 n - 5 triangles and the end */

/* What an answer is made of, and how it is judged. x: the set's n points. */
struct ptrnet_task {
    bool plane;   /* points of the plane; else numbers                              */
    bool ends;    /* the answer ends where it points at a special element, the last */
    bool repeats; /* an element may be chosen again                                 */
    enum { PLACE_NONE, PLACE_FIRST, PLACE_ALL } place; /* what the order of points means */
    int64_t least, most;                               /* n                              */
    int64_t training;                                  /* steps, of sets of up to 12     */
    int64_t (*steps)(int64_t n);                       /* of the longest answer          */
    /* In every answer: step t cannot point at element i. NULL: it can. */
    bool (*never)(int64_t t, int64_t i, int64_t n);
    bool triples; /* the answer is triangles: three rising indices each */
    int64_t (*solve)(heed_rng *rng, const double *x, int64_t n, int32_t *answer);
    /* expected, unless NULL: the answer in the file. */
    void (*judge)(const double *x, int64_t n, const int32_t *expected, int64_t length,
                  const int32_t *answer, int64_t count, heed_score *score);
    const char *(*file)(int64_t n); /* of n points in --data; NULL: there is none */
};
extern const ptrnet_task ptrnet_tasks[];   /* in the order of .. */
extern const heed_task ptrnet_task_list[]; /* .. what the harness is told of them */

/* Elements that a step can point at; steps of the longest answer; are there sets of several n? */
int64_t ptrnet_elements(const ptrnet *o);
int64_t ptrnet_steps(const ptrnet *o);
bool ptrnet_varies(const ptrnet *o);

bool ptrnet_read(ptrnet *o, const char *folder, heed_error *error); /* --data */
bool ptrnet_fill(const void *own, heed_program *program, const heed_draw *draw, heed_error *error);
void ptrnet_score(const void *own, heed_program *program, const heed_draw *draw, int64_t count,
                  heed_score *score);
/* Column b of picks [T, B], up to the end. return: how many. */
int64_t ptrnet_answer_of(const ptrnet *o, const heed_view *picks, int64_t b, int32_t *answer);

/* ---- encoders: ptrnet_encoders.c ---- */

/* What the decoder looks at, e, what it is told of what it chose, and the state it starts in. */
typedef struct ptrnet_encoded {
    heed_node *e, *fed;    /* [n, B, H] */
    heed_state_pair state; /* [B, H]    */
} ptrnet_encoded;
/* x [n, B] or [n, B, 2]; absent [n, B], 1 where a smaller set has no element, or NULL. */
ptrnet_encoded ptrnet_encode(const ptrnet *o, heed_scope *scope, heed_node *x, heed_node *absent);
/* All steps of an LSTM on a sequence; with --recompute as a loop that keeps only its states. */
heed_node *ptrnet_run(const ptrnet *o, const heed_lstm *cell, heed_node *x, heed_state_pair *state);

/* ---- pictures: ptrnet_look.c ---- */

void ptrnet_show(const void *own, heed_program *program, FILE *to);
heed_picture *ptrnet_picture(const void *own, heed_program *program);

#endif
