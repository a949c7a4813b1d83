// What a compiler says about a device or a tensor that is not one.
#include <lockstep/tensor/cpu.hpp>
#include <lockstep/tensor/tensor.hpp>

#include <string>

namespace ls = lockstep;

struct NotADevice {};

int main() {
  ls::Tensor<float> tensor(ls::Shape{2, 3});

#if defined(CASE_not_a_device)
  // expect: no type named 'Memory' in 'struct NotADevice' || no type named 'Memory' in 'NotADevice'
  static_assert(ls::Device<NotADevice>);
#elif defined(CASE_tensor_on_no_device)
  // expect: NotADevice
  // expect: constraints not satisfied
  ls::Tensor<float, NotADevice> elsewhere(ls::Shape{2});
#elif defined(CASE_tensor_of_strings)
  // expect: constraints not satisfied
  // expect: Element
  ls::Tensor<std::string> words(ls::Shape{2});
#elif defined(CASE_silent_copy)
  // expect: use of deleted function || call to implicitly-deleted copy constructor
  ls::Tensor<float> copy = tensor;
#endif

  return tensor.numel() == 6 ? 0 : 1;
}
