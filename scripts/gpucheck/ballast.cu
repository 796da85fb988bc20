// ballast holds all of a card's memory but what it is told to leave, so that a large card behaves like a small one.
//
//   ballast BYTES
//
// It says "holds N, M free" when it does, and holds until its standard input ends. It takes plain allocations only, and
// touches each, so that none is lent out again.
#include <cuda_runtime.h>

#include <cstdio>
#include <cstdlib>

static size_t freeNow() {
    size_t freeBytes = 0, total = 0;
    if (cudaMemGetInfo(&freeBytes, &total) != cudaSuccess) {
        fprintf(stderr, "ballast: the card does not say how much memory is free\n");
        exit(1);
    }
    return freeBytes;
}

int main(int argc, char **argv) {
    char *end = nullptr;
    const unsigned long long leave = argc == 2 ? strtoull(argv[1], &end, 10) : 0;
    if (argc != 2 || end == argv[1] || *end != 0) {
        fprintf(stderr, "usage: ballast BYTES, which are left free\n");
        return 2;
    }
    cudaError_t err = cudaFree(nullptr); // makes the context, which takes memory itself
    if (err != cudaSuccess) {
        fprintf(stderr, "ballast: no card: %s\n", cudaGetErrorString(err));
        return 1;
    }
    size_t held = 0;
    // In pieces that become smaller: the last ones fill what the first left.
    for (size_t piece = (size_t) 1 << 30; piece >= (size_t) 2 << 20; piece /= 2) {
        while (freeNow() >= leave + piece) {
            void *p = nullptr;
            if (cudaMalloc(&p, piece) != cudaSuccess) {
                cudaGetLastError();
                break;
            }
            cudaMemset(p, 0, piece);
            held += piece;
        }
    }
    cudaDeviceSynchronize();
    printf("holds %zu, %zu free\n", held, freeNow());
    fflush(stdout);
    while (getchar() != EOF) {
    }
    return 0;
}
