// One rank of a job whose ranks are on several hosts: host_rank TASK RANK SIZE MASTER_ADDRESS SCALE; hosts.py starts
// it. TASK: "digest" prints a hash of the bits of many sums; "rate" prints the payload of an all_reduce in bits per
// second and direction; "endless" sums until something fails and prints what.
#include <lockstep/comm/tcp.hpp>
#include <lockstep/testing/communicator.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <span>
#include <string>
#include <vector>

namespace ls = lockstep;

namespace {

void digest(ls::Tcp& tcp, std::size_t scale) {
  std::uint64_t hash = 14695981039346656037u;
  for (const std::size_t count : {std::size_t{1}, std::size_t{1000}, scale / 10, scale}) {
    for (const bool mean : {false, true}) {
      std::vector<float> values(count);
      for (std::size_t i = 0; i < count; ++i) values[i] = ls::testing::detail::fraction(tcp.rank(), i);
      tcp.all_reduce(std::span<float>(values), mean ? ls::Reduction::mean : ls::Reduction::sum);
      for (const float value : values) {
        std::uint32_t bits;
        std::memcpy(&bits, &value, sizeof bits);
        hash = (hash ^ bits) * 1099511628211u;
      }
    }
  }
  std::printf("%016llx\n", static_cast<unsigned long long>(hash));
}

void rate(ls::Tcp& tcp, std::size_t bytes) {
  std::vector<float> values(bytes / sizeof(float), 1.0f);
  double best = 0;
  for (int round = 0; round < 4; ++round) {
    tcp.barrier();
    const auto start = std::chrono::steady_clock::now();
    tcp.all_reduce(std::span<float>(values));
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    const double moved = 2.0 * (tcp.size() - 1) / tcp.size() * static_cast<double>(bytes);
    if (round > 0) best = std::max(best, 8 * moved / seconds);  // the first one opens TCP's windows
  }
  std::printf("%.0f\n", best);
}

void endless(ls::Tcp& tcp, std::size_t count) {
  std::vector<float> values(count, 1.0f);
  std::printf("running\n");
  std::fflush(stdout);
  for (;;) {
    tcp.all_reduce(std::span<float>(values), ls::Reduction::max);
  }
}

}  // namespace

int main(int argument_count, char** arguments) {
  if (argument_count != 6) return 2;
  const std::string task = arguments[1];
  try {
    ls::TcpOptions options;
    options.rank = std::atoi(arguments[2]);
    options.size = std::atoi(arguments[3]);
    options.job_id = "hosts";
    options.master_address = arguments[4];
    options.master_port = 29500;
    options.secret = ls::JobSecret{std::byte{5}};
    options.connect_deadline = std::chrono::seconds(30);
    options.heartbeat = std::chrono::milliseconds(300);
    options.suspect_after = std::chrono::milliseconds(task == "endless" ? 2000 : 10'000);
    const auto scale = static_cast<std::size_t>(std::atoll(arguments[5]));
    ls::Tcp tcp(options);
    if (task == "digest") digest(tcp, scale);
    if (task == "rate") rate(tcp, scale);
    if (task == "endless") endless(tcp, scale);
  } catch (const std::exception& error) {
    std::printf("ERROR: %s\n", error.what());
    return 1;
  }
  return 0;
}
