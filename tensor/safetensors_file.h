/* safetensors_file.h - what the reader's files share: the open file and the format's dtypes. */
#ifndef HEED_TENSOR_SAFETENSORS_FILE_H
#define HEED_TENSOR_SAFETENSORS_FILE_H

#include "tensor/replace.h"
#include "tensor/safetensors.h"

#if !defined(__BYTE_ORDER__) || __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "safetensors data is little-endian and is not converted: a little-endian host is needed"
#endif

#define HEED_NAME_TEXT 120 /* bytes of a quoted name in a sentence */
#define HEED_METADATA_NAME "__metadata__"

struct heed_file {
    int fd;
    char *path;
    const char *label; /* path for sentences */
    uint64_t size;     /* of the file, when it was opened */
    char *header;      /* JSON; names and metadata point into it */
    uint64_t header_size;

    heed_file_entry *entries;        /* in the order of their data */
    const heed_file_entry **by_name; /* sorted */
    size_t count, capacity;
    heed_metadata *metadata; /* sorted by key */
    size_t metadata_count, metadata_capacity;
};

/* Fill entries, by_name and metadata from the header. The rules are listed in the README. */
bool heed_file_parse(heed_file *file, heed_error *error);

#endif
