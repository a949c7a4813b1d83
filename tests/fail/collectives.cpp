// What a compiler says about collectives of what cannot be sent, or would be computed for nobody.
#include <lockstep/comm/collectives.hpp>
#include <lockstep/comm/single.hpp>

#include <string>
#include <vector>

namespace ls = lockstep;

int main() {
  ls::Single communicator;
  std::vector<float> values(4);
  const std::vector<float> constant(4);
  std::vector<std::string> words(4);
  float number = 1;
  ls::all_reduce(communicator, values);

#if defined(CASE_reduction_of_strings)
  // at-most: 55
  // expect: no matching function for call to 'all_reduce
  ls::all_reduce(communicator, words);
#elif defined(CASE_constant_in_place)
  // at-most: 55
  // expect: no matching function for call to 'all_reduce
  // expect: OutputBuffer
  ls::all_reduce(communicator, constant);
#elif defined(CASE_strings_as_bytes)
  // at-most: 55
  // expect: no matching function for call to 'broadcast
  // expect: Transferable || is_trivially_copyable
  ls::broadcast(communicator, words, 0);
#elif defined(CASE_pointer)
  // at-most: 55
  // expect: no matching function for call to 'send
  // expect: Input
  ls::send(communicator, &number, 0);
#elif defined(CASE_ignored_result)
  // expect: ignoring return value
#pragma GCC diagnostic error "-Wunused-result"
  ls::all_reduce(communicator, number);
#elif defined(CASE_output_of_another_type)
  // at-most: 55
  // expect: no matching function for call to 'all_gather
  // expect: OutputFor
  std::vector<double> all(4);
  ls::all_gather(communicator, values, all);
#elif defined(CASE_not_a_communicator)
  // at-most: 55
  // expect: no matching function for call to 'all_reduce
  // expect: Communicator
  ls::all_reduce(number, values);
#elif defined(CASE_vector_of_bool)
  // expect: no matching function for call to 'all_gather
  // expect: Gatherable || same_as
  const auto flags = ls::all_gather(communicator, true);
#endif
  static_cast<void>(number);
  return static_cast<int>(constant.size() + words.size()) - 8;
}
