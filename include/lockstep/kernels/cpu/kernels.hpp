// The CPU's kernels, one family a header; this is the list of families.
#pragma once

#include <lockstep/kernels/cpu/attention.hpp>
#include <lockstep/kernels/cpu/broadcast.hpp>
#include <lockstep/kernels/cpu/column_sums.hpp>
#include <lockstep/kernels/cpu/cross_entropy.hpp>
#include <lockstep/kernels/cpu/dropout.hpp>
#include <lockstep/kernels/cpu/elementwise.hpp>
#include <lockstep/kernels/cpu/embedding.hpp>
#include <lockstep/kernels/cpu/layer_norm.hpp>
#include <lockstep/kernels/cpu/matrix_product.hpp>
#include <lockstep/kernels/cpu/norm.hpp>
#include <lockstep/kernels/cpu/optimizer.hpp>
#include <lockstep/kernels/cpu/rearrange.hpp>
#include <lockstep/kernels/cpu/reduction.hpp>
#include <lockstep/kernels/cpu/softmax.hpp>
#include <lockstep/kernels/kernels.hpp>
#include <lockstep/tensor/cpu.hpp>

namespace lockstep {

template <>
struct Kernels<Cpu> : cpu::AttentionKernels<cpu::BlockedEngine>,
                      cpu::BroadcastKernels,
                      cpu::ColumnSums,
                      cpu::CrossEntropyKernels,
                      cpu::DropoutKernels,
                      cpu::Elementwise,
                      cpu::EmbeddingKernels,
                      cpu::LayerNormKernels,
                      cpu::MatrixProductKernels<cpu::BlockedEngine>,
                      cpu::NormKernels,
                      cpu::OptimizerKernels,
                      cpu::RearrangeKernels,
                      cpu::ReductionKernels,
                      cpu::SoftmaxKernels {};

}  // namespace lockstep
