/* inspect.c - `heed inspect`: what is in a safetensors file, and does it look healthy? */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tensor/memory.h"
#include "tensor/safetensors.h"
#include "tools/tool.h"

static const char help[] =
    "usage: heed inspect FILE [TENSOR] [--json]\n"
    "\n"
    "List the tensors of a safetensors file: element type, shape, smallest, largest and mean "
    "value,\n"
    "and how many values are not finite; then the file's metadata. With TENSOR, print its values.\n"
    "The exit status is 1 when the file is not a valid safetensors file; non-finite values are\n"
    "reported, and are no failure.\n"
    "\n"
    "  --json  one JSON object\n"
    "\n"
    "example: heed inspect ptrnet.safetensors\n";

typedef struct statistics {
    double low, high, mean; /* of the finite values */
    int64_t count, not_finite;
} statistics;

static statistics measure(const heed_view *view)
{
    statistics s = { .low = INFINITY, .high = -INFINITY, .count = heed_count(&view->shape) };
    double sum = 0;
    for (int64_t i = 0; i < s.count; i++) {
        double value = view->dtype == HEED_F32   ? (double)((const float *)view->data)[i]
                       : view->dtype == HEED_F64 ? ((const double *)view->data)[i]
                                                 : (double)((const int32_t *)view->data)[i];
        if (!isfinite(value)) {
            s.not_finite++;
            continue;
        }
        if (value < s.low) s.low = value;
        if (value > s.high) s.high = value;
        sum += value;
    }
    s.mean = s.count > s.not_finite ? sum / (double)(s.count - s.not_finite) : NAN;
    return s;
}

/* The entry's data; NULL with the error set. */
static heed_tensor *load(heed_file *file, const heed_file_entry *entry, heed_error *error)
{
    heed_tensor *tensor = heed_tensor_new(entry->dtype, &entry->shape, error);
    if (tensor && !heed_file_read(file, entry, &tensor->view, error)) {
        heed_tensor_free(tensor);
        tensor = NULL;
    }
    return tensor;
}

/* ---- text ---- */

/* Names and metadata come from outside: keep control characters off the terminal. */
static const char *shown(const char *text, char *buffer, size_t size)
{
    for (const char *c = text; *c; c++)
        if ((unsigned char)*c < 32 || *c == 127 || strlen(text) >= size)
            return heed_json_quote(text, buffer, size);
    return text;
}

static void print_entry(const heed_file_entry *entry, const statistics *s)
{
    char shape[HEED_SHAPE_TEXT], name[160];
    printf("%-40s %-5s %-18s", shown(entry->name, name, sizeof name), entry->dtype_name,
           heed_shape_print(&entry->shape, shape, sizeof shape));
    if (!entry->readable)
        printf(" %12s %12s %12s %10s\n", "-", "-", "-", "-");
    else if (s->count == s->not_finite)
        printf(" %12s %12s %12s %10lld\n", "-", "-", "-", (long long)s->not_finite);
    else
        printf(" %12.5g %12.5g %12.5g %10lld\n", s->low, s->high, s->mean,
               (long long)s->not_finite);
}

static void print_metadata(const heed_file *file)
{
    char key_text[160], value_text[400];
    for (int i = 0; i < heed_file_metadata_count(file); i++) {
        const char *key = heed_file_metadata_key(file, i);
        if (i == 0) printf("\nmetadata:\n");
        printf("  %s: %s\n", shown(key, key_text, sizeof key_text),
               shown(heed_file_metadata(file, key), value_text, sizeof value_text));
    }
}

static bool print_file(heed_file *file, heed_error *error)
{
    int64_t numbers = 0, not_finite = 0;
    int n = heed_file_count(file);
    printf("%-40s %-5s %-18s %12s %12s %12s %10s\n", "tensor", "dtype", "shape", "min", "max",
           "mean", "not finite");
    for (int i = 0; i < n; i++) {
        const heed_file_entry *entry = heed_file_entry_at(file, i);
        statistics s = { .count = heed_count(&entry->shape) };
        if (entry->readable) {
            heed_tensor *tensor = load(file, entry, error);
            if (!tensor) return false;
            s = measure(&tensor->view);
            heed_tensor_free(tensor);
        }
        numbers += s.count;
        not_finite += s.not_finite;
        print_entry(entry, &s);
    }
    print_metadata(file);
    printf("\n%d tensors, %lld numbers, %lld not finite\n", n, (long long)numbers,
           (long long)not_finite);
    return true;
}

/* ---- JSON ---- */

static bool put_entry(heed_json_out *out, heed_file *file, const heed_file_entry *entry,
                      heed_error *error)
{
    char shape[HEED_SHAPE_TEXT];
    heed_json_put(out, "{\"name\":");
    heed_json_put_string(out, entry->name);
    heed_json_put(out, ",\"dtype\":\"%s\",\"shape\":%s,\"readable\":%s", entry->dtype_name,
                  heed_shape_print(&entry->shape, shape, sizeof shape),
                  entry->readable ? "true" : "false");
    if (entry->readable) {
        heed_tensor *tensor = load(file, entry, error);
        if (!tensor) return false;
        statistics s = measure(&tensor->view);
        heed_tensor_free(tensor);
        heed_json_put(out, ",\"min\":");
        heed_tool_put_number(out, s.low);
        heed_json_put(out, ",\"max\":");
        heed_tool_put_number(out, s.high);
        heed_json_put(out, ",\"mean\":");
        heed_tool_put_number(out, s.mean);
        heed_json_put(out, ",\"not_finite\":%lld", (long long)s.not_finite);
    }
    heed_json_put(out, "}");
    return true;
}

static bool put_file(heed_json_out *out, heed_file *file, heed_error *error)
{
    heed_json_put(out, "{\"tensors\":[");
    for (int i = 0; i < heed_file_count(file); i++) {
        heed_json_put(out, "%s", i ? "," : "");
        if (!put_entry(out, file, heed_file_entry_at(file, i), error)) return false;
    }
    heed_json_put(out, "],\"metadata\":{");
    for (int i = 0; i < heed_file_metadata_count(file); i++) {
        const char *key = heed_file_metadata_key(file, i);
        heed_json_put(out, "%s", i ? "," : "");
        heed_json_put_string(out, key);
        heed_json_put(out, ":");
        heed_json_put_string(out, heed_file_metadata(file, key));
    }
    heed_json_put(out, "}}");
    return true;
}

static int print_json(heed_file *file, heed_error *error)
{
    heed_json_out out = { .text = NULL };
    if (put_file(&out, file, error)) return heed_tool_print_json(&heed_tool_inspect, &out, 0);
    heed_free(out.text);
    return heed_tool_say(&heed_tool_inspect, TOOL_FAILED, "%s", error->text);
}

/* ---- one tensor ---- */

static const char *entry_name_at(const void *context, int index)
{
    const heed_file *file = context;
    return index < heed_file_count(file) ? heed_file_entry_at(file, index)->name : NULL;
}

static int print_values(heed_file *file, const char *name, heed_error *error)
{
    const heed_file_entry *entry = heed_file_find(file, name);
    if (!entry) {
        heed_tool_unknown(&heed_tool_inspect, "tensor", name, entry_name_at, file);
        return TOOL_FAILED;
    }
    if (!entry->readable)
        return heed_tool_say(&heed_tool_inspect, TOOL_FAILED, "%s has elements of type %s", name,
                             entry->dtype_name);
    heed_tensor *tensor = load(file, entry, error);
    if (!tensor) return heed_tool_say(&heed_tool_inspect, TOOL_FAILED, "%s", error->text);
    int length = heed_tensor_print(&tensor->view, NULL, 0);
    char *text = heed_alloc((size_t)length + 1);
    if (text) {
        heed_tensor_print(&tensor->view, text, (size_t)length + 1);
        printf("%s\n", text);
    }
    heed_free(text);
    heed_tensor_free(tensor);
    return text ? TOOL_DONE : heed_tool_say(&heed_tool_inspect, TOOL_FAILED, "no memory");
}

static int run(int argc, char **argv)
{
    bool json = false;
    const char *operands[2] = { NULL, NULL };
    heed_error error = { .set = false };
    const tool_option options[] = { { "--json", TOOL_FLAG, &json, 0, 0 } };
    int status = heed_tool_options(&heed_tool_inspect, argc, argv, options, 1, operands, 2);
    if (status != TOOL_GO_ON) return status;
    if (!operands[0])
        return heed_tool_say(&heed_tool_inspect, TOOL_MISUSED, "a file is needed; see --help");
    if (json && operands[1])
        return heed_tool_say(&heed_tool_inspect, TOOL_MISUSED,
                             "--json lists the whole file; "
                             "leave the tensor's name out");
    heed_file *file = heed_file_open(operands[0], &error);
    if (!file) return heed_tool_say(&heed_tool_inspect, TOOL_FAILED, "%s", error.text);
    if (operands[1])
        status = print_values(file, operands[1], &error);
    else if (json)
        status = print_json(file, &error);
    else if (print_file(file, &error))
        status = TOOL_DONE;
    else
        status = heed_tool_say(&heed_tool_inspect, TOOL_FAILED, "%s", error.text);
    heed_file_close(file);
    return heed_tool_finish(&heed_tool_inspect, status);
}

const heed_tool heed_tool_inspect = {
    .name = "inspect",
    .summary = "what is in a safetensors file",
    .help = help,
    .run = run,
};
