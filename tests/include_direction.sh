#!/bin/sh
# Includes run one way: tensor <- graph <- ops <- optim <- models <- tools. Names the lines that don't.
rooms="tensor graph ops optim models tools"
bad=0
below=
for room in $rooms; do
    below="$below $room"
    allowed=$(echo "$below" | sed 's/^ //; s/ /|/g')
    if grep -rnE '^#include "' --include='*.[ch]' "$room" | grep -vE "#include \"($allowed)/" |
        { [ "$room" = tools ] || [ "$room" = models ] && grep -v '"heed.h"' || cat; } | grep .; then
        bad=1
    fi
done
exit $bad
