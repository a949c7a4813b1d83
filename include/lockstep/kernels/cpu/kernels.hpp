// The CPU's kernels, one family a header; this is the list of families.
#pragma once

#include <lockstep/kernels/cpu/elementwise.hpp>
#include <lockstep/kernels/cpu/norm.hpp>
#include <lockstep/kernels/cpu/optimizer.hpp>
#include <lockstep/kernels/kernels.hpp>
#include <lockstep/tensor/cpu.hpp>

namespace lockstep {

template <>
struct Kernels<Cpu> : cpu::Elementwise, cpu::NormKernels, cpu::OptimizerKernels {};

}  // namespace lockstep
