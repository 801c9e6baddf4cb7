/* stage.c - what may run at the same time.
 *
 * Instructions are taken in order. Small ones follow each other in a serial stage, which one thread
 * runs without any synchronisation; a large one, or several ready ones that together are worth
 * sharing, form a parallel stage of independent chunks. All of this depends on shapes only, never
 * on the number of threads. Each serial instruction has a time of its own, a parallel stage has one
 * for all: buffers whose times overlap get different memory. */
#include <string.h>

#include "graph/passes/edges.h"

enum {
    WORTH = 12000, /* nanoseconds of work that pay for waking other threads */
    WINDOW = 48,   /* how far ahead an instruction may be taken along       */
    MOST = 64      /* instructions in a parallel stage                      */
};

typedef struct stager {
    heed_program *p;
    int *pending; /* of instructions: edges from outside */
    int *views;   /* of nodes that don't run: edges still to come in */
    int *stack;
    heed_heap heap; /* ready instructions */
    heed_instruction *placed;
    int n_placed;
    bool open; /* the last stage is serial and can go on */
} stager;

/* A view that instruction `owner` takes as what it is a view of, which it computes itself. */
static bool is_inside(const heed_program *p, int id, int owner)
{
    return p->owner[id] < 0 && owner >= 0 && p->owner[p->source[id]] == owner;
}

static void count_edges(stager *s)
{
    heed_program *p = s->p;
    for (int id = 0; id < p->work->n_nodes; id++) {
        if (!p->edges.live[id]) continue;
        for (int e = p->edges.first[id]; e < p->edges.first[id + 1]; e++) {
            int to = p->edges.list[e];
            if (p->owner[to] < 0)
                s->views[to]++;
            else if (p->owner[to] != p->owner[id] && !is_inside(p, id, p->owner[to]))
                s->pending[p->owner[to]]++;
        }
    }
}

/* `id` is complete: tell its consumers, through views. */
static void announce(stager *s, int id)
{
    const heed_program *p = s->p;
    int n = 0;
    s->stack[n++] = id;
    while (n) {
        id = s->stack[--n];
        for (int e = p->edges.first[id]; e < p->edges.first[id + 1]; e++) {
            int to = p->edges.list[e], owner = p->owner[to];
            if (owner < 0) {
                if (--s->views[to] == 0) s->stack[n++] = to;
            } else if (owner != p->owner[id] && !is_inside(p, id, owner) &&
                       --s->pending[owner] == 0) {
                heed_heap_push(&s->heap, owner);
            }
        }
    }
}

static heed_stage *new_stage(stager *s, bool parallel)
{
    heed_stage *stage = &s->p->stages[s->p->n_stages++];
    *stage = (heed_stage){ .begin = s->n_placed, .end = s->n_placed, .parallel = parallel };
    s->open = !parallel;
    return stage;
}

static void place(stager *s, heed_stage *stage, int index, int time)
{
    s->placed[s->n_placed] = s->p->instructions[index];
    s->placed[s->n_placed].time = time;
    stage->end = ++s->n_placed;
}

/* Values that it recomputes for itself are nobody's: they are there when their operands are. */
static void complete(stager *s, int index)
{
    const heed_instruction *instruction = &s->p->instructions[index];
    for (int i = 0; i < instruction->n_nodes; i++)
        if (s->p->owner[instruction->nodes[i]->id] >= 0) announce(s, instruction->nodes[i]->id);
}

static bool is_loop(const heed_program *p, int index)
{
    return p->instructions[index].loop != NULL;
}

/* May they run at the same time as far as loops go? */
static bool together(const heed_program *p, int head, int other)
{
    return !is_loop(p, other) && (head < p->n_first) == (other < p->n_first);
}

static void step(stager *s)
{
    heed_program *p = s->p;
    int group[MOST], n = 0, head = s->heap.ids[0];
    double cost = 0;
    while (s->heap.n && n < MOST && s->heap.ids[0] <= head + WINDOW) {
        if (n && (!together(p, head, s->heap.ids[0]))) break;
        group[n] = heed_heap_pop(&s->heap);
        cost += p->instructions[group[n++]].cost;
        if (!(p->passes >> HEED_PASS_STAGE & 1) || is_loop(p, head)) break;
        if (n == 1 && cost >= 4 * WORTH) break; /* large enough to be shared by itself */
    }
    if (head >= p->n_first && p->first_stages < 0) { /* the first iteration's own are done */
        p->first_stages = p->n_stages;
        s->open = false;
    }
    bool loop = is_loop(p, head);
    bool parallel = cost >= WORTH && (p->passes >> HEED_PASS_STAGE & 1) && !loop;
    if (parallel) {
        heed_stage *stage = new_stage(s, true);
        for (int i = 0; i < n; i++) place(s, stage, group[i], p->n_times);
        p->n_times++;
        for (int i = 0; i < n; i++) complete(s, group[i]);
        return;
    }
    for (int i = 1; i < n; i++) heed_heap_push(&s->heap, group[i]);
    if (loop) s->open = false;
    heed_stage *stage = s->open ? &p->stages[p->n_stages - 1] : new_stage(s, false);
    stage->loop = loop;
    if (loop) s->open = false;
    place(s, stage, group[0], p->n_times++);
    complete(s, group[0]);
}

bool heed_stages(heed_program *p)
{
    stager s = { .p = p };
    size_t n = (size_t)p->work->n_nodes + 1, k = (size_t)p->n_instructions + 1;
    s.pending = heed_alloc_array(k, sizeof(int));
    s.heap.ids = heed_alloc_array(k, sizeof(int));
    s.views = heed_alloc_array(n, sizeof(int));
    s.stack = heed_alloc_array(n, sizeof(int));
    s.placed = heed_arena_alloc(&p->arena, k * sizeof *s.placed);
    p->stages = heed_arena_alloc(&p->arena, k * sizeof *p->stages);
    bool done = s.pending && s.heap.ids && s.views && s.stack && s.placed && p->stages;
    if (done) {
        count_edges(&s);
        for (int i = 0; i < p->n_instructions; i++)
            if (!s.pending[i]) heed_heap_push(&s.heap, i);
        for (int id = 0; id < p->work->n_nodes; id++) /* leaves: there from the start */
            if (p->edges.live[id] && p->owner[id] < 0 && !p->edges.incoming[id]) announce(&s, id);
        p->first_stages = -1;
        while (s.heap.n) step(&s);
        if (p->first_stages < 0) p->first_stages = p->n_stages;
        p->instructions = s.placed;
        if (s.n_placed != p->n_instructions)
            done = heed_graph_fail(p->user, "an assignment depends on itself") != NULL;
    } else {
        heed_plan_no_memory(p);
    }
    heed_free(s.pending);
    heed_free(s.heap.ids);
    heed_free(s.views);
    heed_free(s.stack);
    return done;
}
