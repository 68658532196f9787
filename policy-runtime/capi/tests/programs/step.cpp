// The same from C++: loads a policy image and prints the bits of its actions for the observations on standard input.
#include "sinew_policy.h"

#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <vector>

extern "C" void sinew_policy_panicked() {
    std::abort();
}

namespace {
struct alignas(SINEW_POLICY_ALIGNMENT) Block {
    unsigned char bytes[SINEW_POLICY_ALIGNMENT];
};
}  // namespace

int main(int count, char **arguments) {
    if (count != 2) {
        return 2;
    }
    std::ifstream file(arguments[1], std::ios::binary);
    const std::vector<char> bytes{std::istreambuf_iterator<char>(file), {}};
    std::vector<Block> image(bytes.size() / sizeof(Block) + 1);
    std::copy(bytes.begin(), bytes.end(), reinterpret_cast<char *>(image.data()));
    const auto *start = reinterpret_cast<const uint8_t *>(image.data());

    SinewSizes sizes{};
    if (sinew_policy_sizes(start, bytes.size(), &sizes) != SINEW_STATUS_OK) {
        return 1;
    }
    std::vector<float> scratch(sizes.scratch), observation(sizes.observation), action(sizes.action);
    SinewPolicy policy{};
    const auto loaded = sinew_policy_load(&policy, start, bytes.size(), scratch.data(), scratch.size());
    if (loaded != SINEW_STATUS_OK) {
        std::fprintf(stderr, "%s\n", sinew_policy_text(loaded));
        return 1;
    }
    std::size_t index = 0;
    for (uint32_t bits = 0; std::scanf("%" SCNx32, &bits) == 1;) {
        std::memcpy(&observation[index], &bits, sizeof bits);
        if (++index < observation.size()) {
            continue;
        }
        index = 0;
        const auto status =
            sinew_policy_infer(&policy, observation.data(), observation.size(), action.data(), action.size());
        if (status == SINEW_STATUS_OK) {
            for (const float &value : action) {
                std::memcpy(&bits, &value, sizeof bits);
                std::printf("%08" PRIx32 " ", bits);
            }
        } else {
            std::printf("%s", sinew_policy_text(status));
        }
        std::printf("\n");
    }
    return 0;
}
