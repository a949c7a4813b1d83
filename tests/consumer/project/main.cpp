// Uses the library from outside: includes it in two units, runs a little of it.
#include <lockstep/tensor/cpu.hpp>
#include <lockstep/tensor/tensor.hpp>

#include <cstdio>

std::int64_t elements(const lockstep::Tensor<float>& tensor);

int main() {
  const auto tensor = lockstep::Tensor<float>::full({3, 4}, 0.5f);
  std::printf("%s has %lld elements\n", to_string(tensor.shape()).c_str(), static_cast<long long>(elements(tensor)));
  return elements(tensor) == 12 && tensor.data()[11] == 0.5f ? 0 : 1;
}
