#include <lockstep/accelerator/progress.hpp>
#include <lockstep/data/data_loader.hpp>
#include <lockstep/data/tensor_dataset.hpp>

#include <doctest/doctest.h>

#include <fcntl.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

namespace ls = lockstep;

namespace {

/// Ten samples in batches of three: four steps an epoch.
auto ten_samples() {
  return ls::DataLoader{ls::TensorDataset{ls::Tensor<float>({10, 1}), ls::Tensor<float>({10, 1})}, {.batch_size = 3}};
}

/// What a function writes to a stream of the process, which is no terminal meanwhile.
template <class Function>
std::string captured(int descriptor, std::FILE* stream, Function&& function) {
  char path[] = "/tmp/lockstep-progress-XXXXXX";
  const int file = ::mkstemp(path);
  REQUIRE(file >= 0);
  ::unlink(path);
  std::fflush(stream);
  const int saved = ::dup(descriptor);
  ::dup2(file, descriptor);
  function();
  std::fflush(stream);
  ::dup2(saved, descriptor);
  ::close(saved);
  std::string text(static_cast<std::size_t>(::lseek(file, 0, SEEK_END)), '\0');
  CHECK(::pread(file, text.data(), text.size(), 0) == static_cast<ssize_t>(text.size()));
  ::close(file);
  return text;
}

template <class Function>
std::string captured_error(Function&& function) {
  return captured(STDERR_FILENO, stderr, function);
}

}  // namespace

TEST_CASE("progress: one loop is the rest of an epoch") {
  auto loader = ten_samples();
  std::vector<std::int64_t> steps;
  for (auto& batch : ls::ProgressRange(loader, {}, false)) steps.push_back(batch.step);
  CHECK(steps == std::vector<std::int64_t>{0, 1, 2, 3});
  CHECK(loader.position() == ls::DataLoaderPosition{1, 0});
  loader.seek(1, 2);
  steps.clear();
  const std::string text = captured_error([&] {
    for (auto& batch : ls::ProgressRange(loader, {}, true)) steps.push_back(batch.step);
  });
  CHECK(steps == std::vector<std::int64_t>{2, 3});
  CHECK(text.find("train 100% 4/4 ") == 0);
}

TEST_CASE("progress: a number of steps takes as many epochs as it needs, and no batch too many") {
  auto loader = ten_samples();
  std::int64_t count = 0, epoch = 0;
  for (auto& batch : ls::ProgressRange(loader, {.total_steps = 9}, false)) {
    ++count;
    epoch = batch.epoch;
  }
  CHECK(count == 9);
  CHECK(epoch == 2);
  CHECK(loader.position() == ls::DataLoaderPosition{2, 1});
}

TEST_CASE("progress: a resumed run counts from where it was") {
  auto loader = ten_samples();
  loader.seek(1, 3);
  std::int64_t count = 0;
  const std::string text = captured_error([&] {
    for ([[maybe_unused]] auto& batch : ls::ProgressRange(loader, {.total_steps = 12, .first_step = 7}, true)) ++count;
  });
  CHECK(count == 5);
  CHECK(text.find("train 100% 12/12 ") != std::string::npos);
  CHECK(loader.position() == ls::DataLoaderPosition{3, 0});
  for ([[maybe_unused]] auto& batch : ls::ProgressRange(loader, {.total_steps = 12, .first_step = 12}, false)) ++count;
  CHECK(count == 5);
  CHECK(loader.position() == ls::DataLoaderPosition{3, 0});
}

TEST_CASE("progress: a loop that is left early ends the bar and keeps its place") {
  auto loader = ten_samples();
  const std::string text = captured_error([&] {
    ls::ProgressRange range(loader, {.description = "part", .total_steps = 100}, true);
    for (auto& batch : range) {
      if (batch.epoch == 1 && batch.step == 1) break;
    }
    std::fputs("after", stderr);
  });
  CHECK(loader.position() == ls::DataLoaderPosition{1, 2});
  REQUIRE(text.size() > 6);
  CHECK(text.substr(text.size() - 6) == "\nafter");
  CHECK(text.find("part   5% 5/100 ") != std::string::npos);
}

TEST_CASE("progress: rates, numbers behind the bar, and lines between") {
  auto loader = ten_samples();
  std::string lines;
  const std::string text = captured_error([&] {
    lines = captured(STDOUT_FILENO, stdout, [&] {
      ls::ProgressRange range(loader, {.items_per_step = 1000000, .unit = "samples"}, true);
      for (auto& batch : range) {
        range.set_postfix("loss", 0.5, "epoch", batch.epoch, "name that is far too long for one line", 1.0F);
        if (batch.step == 2) range.print("step ", batch.step);
      }
      range.print("done");
    });
  });
  CHECK(lines == "step 2\ndone\n");
  CHECK(text.find("4/4  loss 0.5000  epoch 0  name that is far too long for one line 1.000  ") != std::string::npos);
  CHECK(text.find("M samples/s") != std::string::npos);
}

TEST_CASE("progress: nothing is shown when it is not enabled") {
  auto loader = ten_samples();
  std::string lines;
  const std::string text = captured_error([&] {
    lines = captured(STDOUT_FILENO, stdout, [&] {
      ls::ProgressRange range(loader, {}, false);
      for (auto& batch : range) range.set_postfix("loss", batch.valid);
      range.print("done");
    });
  });
  CHECK(text.empty());
  CHECK(lines.empty());
}
