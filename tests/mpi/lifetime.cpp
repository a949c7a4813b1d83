// Whole programs, for lifetime.py: who initialises and finalises MPI, and how jobs end.
#include <lockstep/mpi.hpp>

#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace ls = lockstep;

namespace {

std::int32_t sum_of_ones(ls::Mpi& communicator) {
  std::int32_t one = 1;
  communicator.all_reduce(std::span<std::int32_t>(&one, 1));
  return one;
}

template <class Function>
std::string error_of(Function function) {
  try {
    function();
  } catch (const ls::Error& error) {
    return error.what();
  }
  return "nothing was thrown";
}

std::optional<ls::Mpi> forever;  // ends after main

int run(const std::string& mode) {
  if (mode == "ours") {
    ls::Mpi first;
    forever.emplace(first.split(0, 0));
    return sum_of_ones(*forever) == first.size() ? 0 : 1;
  }
  if (mode == "user") {
    int provided = 0;
    MPI_Init_thread(nullptr, nullptr, MPI_THREAD_SERIALIZED, &provided);
    {
      ls::Mpi communicator;
      if (sum_of_ones(communicator) != communicator.size()) return 1;
    }
    int finalized = 0;
    MPI_Finalized(&finalized);
    if (finalized != 0) return 2;
    MPI_Finalize();
    std::printf("%s\n", error_of([] { ls::Mpi late; }).c_str());
    return 0;
  }
  if (mode == "single") {
    int provided = 0;
    MPI_Init_thread(nullptr, nullptr, MPI_THREAD_SINGLE, &provided);
    if (provided == MPI_THREAD_SINGLE) std::printf("%s\n", error_of([] { ls::Mpi communicator; }).c_str());
    MPI_Finalize();
    return 0;
  }
  if (mode == "throw") {
    ls::Mpi communicator;
    communicator.barrier();
    if (communicator.rank() == 1) throw ls::NumericalError("the loss is not finite");
    for (;;) communicator.barrier();
  }
  if (mode == "exit early") {  // rank 1 is gone at once, the others have something left to do
    ls::Mpi communicator;
    communicator.barrier();
    if (communicator.rank() != 1) ::usleep(500'000);
    return 0;
  }
  if (mode == "kill" || mode == "stop") {
    ls::MpiOptions options;
    options.deadline = std::chrono::seconds(2);
    ls::Mpi communicator(options);
    communicator.barrier();
    std::printf("started\n");
    std::fflush(stdout);
    communicator.barrier();
    if (communicator.rank() == 1) ::kill(::getpid(), mode == "kill" ? SIGKILL : SIGSTOP);
    std::vector<float> values(1'000'000);
    for (;;) communicator.all_reduce(std::span<float>(values));
  }
  return 3;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc > 1 ? argv[1] : "");
  } catch (const std::exception& error) {
    std::printf("caught: %s\n", error.what());
    std::fflush(stdout);
    return 7;
  }
}
