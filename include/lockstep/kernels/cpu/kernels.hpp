// The CPU's kernels, one family a header; this is the list of families.
#pragma once

#include <lockstep/kernels/cpu/elementwise.hpp>
#include <lockstep/kernels/kernels.hpp>
#include <lockstep/tensor/cpu.hpp>

namespace lockstep {

template <>
struct Kernels<Cpu> : cpu::Elementwise {};

}  // namespace lockstep
