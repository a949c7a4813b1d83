// A small training run that can be made on any backend, with any number of ranks, and compared bit for bit.
#pragma once

#include "../comm/processes.hpp"
#include <lockstep/lockstep.hpp>

#include <doctest/doctest.h>

#include <cstring>
#include <string>
#include <vector>

namespace lockstep::testing {

enum class Transport { single, threads, ring };

struct TrainingOptions {
  Transport transport = Transport::single;
  int ranks = 1;
  std::int64_t steps = 20;
  std::int64_t global_batch = 16;
  std::int64_t micro_batches = 0;  // over all ranks; 0: whole batches
  double dropout = 0;
  bool freeze_hidden = false;
  bool skip_shared = false;  // leaves the shared layer unused
};

/// Uses a layer twice, ties nothing, can leave a layer unused, has a layer norm and dropout.
struct TestNet {
  explicit TestNet(double drop_probability) : dropout(drop_probability) {}

  Linear input{6, 16}, shared{16, 16}, output{16, 4};
  LayerNorm norm{16};
  Dropout dropout;
  bool use_shared = true;

  template <Variable V>
  V operator()(const V& x) const {
    V h = dropout(relu(input(x)));
    if (use_shared) h = norm(relu(shared(relu(shared(h)))));
    return output(norm(h));
  }

  LOCKSTEP_FIELDS(input, shared, output, norm, dropout)
};

inline TensorDataset<float, std::int32_t> test_data(std::int64_t count = 64) {
  Tensor<float> inputs(Shape{count, 6});
  Tensor<std::int32_t> targets(Shape{count});
  Philox random(7);
  for (std::int64_t i = 0; i < inputs.numel(); ++i) inputs[i] = static_cast<float>(random.normal());
  for (std::int64_t i = 0; i < count; ++i) targets[i] = static_cast<std::int32_t>(random.below(4));
  return {std::move(inputs), std::move(targets)};
}

/// All parameters of a model, as bytes.
template <class Model>
std::string bytes_of(const Model& model) {
  std::string bytes;
  model.for_each_parameter([&](const std::string&, auto value, auto) {
    bytes.append(reinterpret_cast<const char*>(value.data), value.span().size_bytes());
  });
  return bytes;
}

/// Trains on one rank and returns the parameters' bytes.
template <class AcceleratorType>
std::string train(AcceleratorType& accelerator, const TrainingOptions& options) {
  const auto dataset = test_data();
  TestNet net(options.dropout);
  net.use_shared = !options.skip_shared;
  if (options.freeze_hidden) freeze(net.shared);
  auto [model, optimizer, loader, schedule] = accelerator.prepare(
      std::move(net), AdamW{.learning_rate = 1e-2},
      DataLoader{dataset, {.batch_size = options.global_batch, .shuffle = true, .split_batches = true}},
      cosine_with_warmup(2, options.steps));
  std::int64_t step = 0;
  while (step < options.steps) {
    for (auto& batch : loader) {
      if (options.micro_batches > 0) {
        for (auto micro : accelerator.micro_batches(batch)) {
          accelerator.backward(cross_entropy(model(micro.inputs), micro.targets));
        }
      } else {
        accelerator.backward(cross_entropy(model(batch.inputs), batch.targets));
      }
      accelerator.clip_grad_norm(model, 1.0);
      optimizer.step();
      schedule.step();
      optimizer.zero_grad();
      if (++step == options.steps) break;
    }
  }
  return bytes_of(model);
}

/// Trains on all ranks and returns the parameters' bytes of each.
inline std::vector<std::string> train_all(const TrainingOptions& options) {
  const AcceleratorOptions accelerator_options{.micro_batches = options.micro_batches, .seed = 5};
  std::vector<std::string> results(static_cast<std::size_t>(options.ranks));
  switch (options.transport) {
    case Transport::single: {
      Accelerator<SingleDevice<Cpu>> accelerator(Single{}, accelerator_options);
      results[0] = train(accelerator, options);
      break;
    }
    case Transport::threads:
      launch_threads(options.ranks, [&](Threads communicator) {
        const auto rank = static_cast<std::size_t>(communicator.rank());
        Accelerator<CpuThreads> accelerator(std::move(communicator), accelerator_options);
        results[rank] = train(accelerator, options);
      });
      break;
    case Transport::ring: {
      static int run = 0;
      const std::string name = concat("training-test-", ::getpid(), "-", run++);
      Processes processes(options.ranks, [&](int rank) {
        Accelerator<CpuRing> accelerator(Ring(RingOptions{.rank = rank, .size = options.ranks, .name = name}),
                                         accelerator_options);
        return train(accelerator, options);
      });
      std::size_t rank = 0;
      for (const ProcessResult& result : processes.wait_all()) {
        INFO("rank ", rank, ": ", result.status == 0 ? "" : result.text);
        CHECK(result.status == 0);
        results[rank++] = result.text;
      }
      break;
    }
  }
  return results;
}

/// The largest difference between two parameter sets, relative to the largest parameter.
inline double difference(const std::string& a, const std::string& b) {
  REQUIRE(a.size() == b.size());
  double largest = 0, scale = 0;
  for (std::size_t i = 0; i < a.size(); i += sizeof(float)) {
    float x, y;
    std::memcpy(&x, a.data() + i, sizeof x);
    std::memcpy(&y, b.data() + i, sizeof y);
    largest = std::max(largest, static_cast<double>(std::abs(x - y)));
    scale = std::max(scale, static_cast<double>(std::abs(x)));
  }
  return largest / scale;
}

}  // namespace lockstep::testing
