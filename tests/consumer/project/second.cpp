#include <lockstep/tensor/tensor.hpp>

std::int64_t elements(const lockstep::Tensor<float>& tensor) { return tensor.numel(); }
