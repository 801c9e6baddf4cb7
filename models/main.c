/* main.c - the main function of every model's program, compiled once for each with
 * -DHEED_MODEL=heed_model_NAME. */
#include "models/models.h"

int main(int argc, char **argv)
{
    return heed_model_main(&HEED_MODEL, argc, argv);
}
