// Small sizes of every example, for the emulator and a GPU beside it.
#pragma once

#include <string_view>
#include <utility>
#include <vector>

namespace lath::test {

inline const std::vector<
    std::pair<std::string_view, std::vector<std::string_view>>>
    exampleSizes = {
        {"vector_add", {"n=1", "n=1000", "n=4096"}},
        {"softmax",
         {"rows=3,columns=1", "rows=33,columns=100", "rows=3,columns=1000",
          "rows=2,columns=9000", "rows=2,columns=20000",
          "rows=2,columns=40000"}},
        {"matmul_kn", {"m=33,n=40,k=96", "m=5,n=7,k=9", "m=16,n=64,k=64"}},
        {"matmul_nk", {"m=33,n=40,k=96", "m=5,n=7,k=9", "m=130,n=64,k=200"}},
        {"layer_norm", {"rows=3,columns=1000", "rows=2,columns=64"}},
        {"layer_norm_backward", {"rows=5,columns=100"}},
        {"column_sum", {"rows=70,columns=100", "rows=1,columns=64"}},
        {"rms_norm", {"rows=3,columns=1000"}},
        {"rope", {"tokens=3,heads=6,dim=64"}},
        {"swiglu", {"rows=3,columns=1300"}},
        {"matmul_bias_gelu", {"m=130,n=200,k=100", "m=300,n=136,k=64"}},
        {"batched_matmul", {"batches=3,m=70,n=72,k=40"}},
        {"grouped_matmul", {"matrices=5,rows=150,n=136,k=72"}},
        {"attention",
         {"batches=2,length=200,heads=4,groups=2,dim=64,causal=2",
          "batches=1,length=130,heads=2,groups=2,dim=64,causal=1"}},
        {"paged_attention",
         {"batches=2,length=200,heads=8,groups=2,dim=64,shares=3"}},
        {"paged_combine", {"lines=5,ratio=4,dim=64,shares=3"}},
        {"embedding", {"words=100,rows=21,columns=300"}},
        {"cross_entropy", {"rows=3,words=5000"}},
        {"dropout", {"n=3000", "n=4096"}},
        {"quantize_rows", {"rows=3,columns=1000"}},
        {"argmax", {"rows=3,columns=5000"}},
        {"top_k", {"rows=3,columns=100,k=5", "rows=5,columns=9000,k=3"}},
        {"cumsum", {"rows=2,columns=3000"}},
};

} // namespace lath::test
