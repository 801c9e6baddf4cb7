/* fuzz_safetensors.c - libFuzzer target: any bytes as a file; open it, read all it offers, and what
 * can be read is written and opened again.
 *
 *   clang -fsanitize=fuzzer,address -I. tests/fuzz_safetensors.c tensor/[a-z]*.c -lm */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tensor/memory.h"
#include "tensor/safetensors.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
    if (!condition) abort();
}

/* Reading an entry of an opened file may fail only for want of a dtype. */
static heed_tensor *read_entry(heed_file *file, const heed_file_entry *entry)
{
    if (!entry->readable) return NULL;
    heed_error error = { 0 };
    heed_tensor *tensor = heed_tensor_new(entry->dtype, &entry->shape, &error);
    require(tensor && heed_file_read(file, entry, &tensor->view, &error));
    return tensor;
}

static void write_again(const heed_file *file, const heed_named_view *tensors, int n)
{
    char path[] = "/tmp/heed-fuzz-out-XXXXXX";
    heed_error error = { 0 };
    int fd = mkstemp(path);
    if (fd < 0) return;
    close(fd);
    int n_metadata = heed_file_metadata_count(file);
    heed_metadata *metadata = heed_alloc_array((size_t)n_metadata, sizeof *metadata);
    for (int i = 0; i < n_metadata; i++) {
        metadata[i].key = heed_file_metadata_key(file, i);
        metadata[i].value = heed_file_metadata(file, metadata[i].key);
    }
    require(heed_file_write(path, tensors, n, metadata, n_metadata, &error));
    heed_file *again = heed_file_open(path, &error);
    require(again && heed_file_count(again) == n);
    for (int i = 0; i < n; i++) require(heed_file_find(again, tensors[i].name) != NULL);
    heed_file_close(again);
    heed_free(metadata);
    unlink(path);
}

static void use(heed_file *file)
{
    int count = heed_file_count(file), n = 0;
    heed_named_view *tensors = heed_alloc_array((size_t)count, sizeof *tensors);
    heed_tensor **owned = heed_alloc_array((size_t)count, sizeof *owned);
    for (int i = 0; i < count; i++) {
        const heed_file_entry *entry = heed_file_entry_at(file, i);
        require(heed_file_find(file, entry->name) == entry);
        heed_tensor *tensor = read_entry(file, entry);
        if (tensor && !entry->name[0]) heed_tensor_free(tensor); /* valid, but not written */
        if (!tensor || !entry->name[0]) continue;
        tensors[n] = (heed_named_view){ entry->name, tensor->view };
        owned[n++] = tensor;
    }
    write_again(file, tensors, n);
    for (int i = 0; i < n; i++) heed_tensor_free(owned[i]);
    heed_free(owned);
    heed_free(tensors);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[] = "/tmp/heed-fuzz-in-XXXXXX";
    heed_error error = { 0 };
    int fd = mkstemp(path);
    if (fd < 0) return 0;
    bool written = write(fd, data, size) == (ssize_t)size;
    close(fd);
    heed_file *file = written ? heed_file_open(path, &error) : NULL;
    unlink(path);
    require(!written || error.set == (file == NULL));
    if (file) use(file);
    heed_file_close(file);
    require(heed_memory_live_blocks() == 0);
    return 0;
}
