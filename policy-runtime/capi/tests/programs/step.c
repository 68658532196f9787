// Loads a policy image and prints the bits of its actions for the observations on standard input, as firmware would use the
// library: static memory, no allocation. Refusals that a program must see are tried first.
#include "sinew_policy.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static _Alignas(SINEW_POLICY_ALIGNMENT) uint8_t image[1 << 16];
static float scratch[1024];
static SinewPolicy policy;

void sinew_policy_panicked(void) {
    abort();
}

static void expect(SinewStatus found, SinewStatus expected) {
    if (found != expected) {
        fprintf(stderr, "found \"%s\", expected \"%s\"\n", sinew_policy_text(found), sinew_policy_text(expected));
        exit(1);
    }
}

int main(int count, char **arguments) {
    FILE *file = count == 2 ? fopen(arguments[1], "rb") : NULL;
    if (file == NULL || sinew_policy_interface() != SINEW_POLICY_INTERFACE) {
        return 2;
    }
    size_t length = fread(image, 1, sizeof image, file);
    fclose(file);

    SinewSizes sizes;
    float observation[16], action[16];
    expect(sinew_policy_infer(&policy, observation, 3, action, 1), SINEW_STATUS_NOT_LOADED);
    expect(sinew_policy_reset(&policy), SINEW_STATUS_NOT_LOADED);
    expect(sinew_policy_sizes(NULL, 0, &sizes), SINEW_STATUS_NULL);
    expect(sinew_policy_sizes(image + 4, length - 4, &sizes), SINEW_STATUS_MISALIGNED);
    expect(sinew_policy_sizes(image, length - 1, &sizes), SINEW_STATUS_DAMAGED);
    expect(sinew_policy_sizes(image, length, &sizes), SINEW_STATUS_OK);
    expect(sinew_policy_load(&policy, image, length, scratch, sizes.scratch - 1), SINEW_STATUS_SCRATCH);
    image[length - 1] ^= 1;
    expect(sinew_policy_load(&policy, image, length, scratch, 1024), SINEW_STATUS_DAMAGED);
    image[length - 1] ^= 1;
    expect(sinew_policy_load(&policy, image, length, scratch, 1024), SINEW_STATUS_OK);
    memset(observation, 0xff, sizeof observation);
    expect(sinew_policy_infer(&policy, observation, sizes.observation, action, sizes.action), SINEW_STATUS_OBSERVATION);
    expect(sinew_policy_infer(&policy, observation, sizes.observation + 1, action, sizes.action), SINEW_STATUS_LENGTH);
    expect(sinew_policy_infer(&policy, observation, sizes.observation, action, sizes.action + 1), SINEW_STATUS_LENGTH);

    expect(sinew_policy_reset(&policy), SINEW_STATUS_OK);

    uint32_t bits;
    for (size_t index = 0; scanf("%" SCNx32, &bits) == 1;) {
        memcpy(&observation[index], &bits, sizeof bits);
        if (++index < sizes.observation) {
            continue;
        }
        index = 0;
        SinewStatus status = sinew_policy_infer(&policy, observation, sizes.observation, action, sizes.action);
        if (status == SINEW_STATUS_OK) {
            for (size_t value = 0; value < sizes.action; value++) {
                memcpy(&bits, &action[value], sizeof bits);
                printf("%08" PRIx32 " ", bits);
            }
        } else {
            printf("%s", sinew_policy_text(status));
        }
        printf("\n");
    }
    return 0;
}
