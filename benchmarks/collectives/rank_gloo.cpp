// One rank of gloo over TCP on the loopback interface, with what PyTorch uses: the functions that take options, the
// algorithm left to gloo, a connection from each rank to each other.
// Usage: collectives_gloo SOCKET PAGE FOLDER RANK SIZE; the benchmark starts it. The ranks meet in FOLDER.
#include "rank.hpp"
#include <lockstep/tensor/memory.hpp>

#include <gloo/allgather.h>
#include <gloo/allreduce.h>
#include <gloo/alltoall.h>
#include <gloo/broadcast.h>
#include <gloo/gather.h>
#include <gloo/math.h>
#include <gloo/reduce.h>
#include <gloo/rendezvous/context.h>
#include <gloo/rendezvous/file_store.h>
#include <gloo/rendezvous/prefix_store.h>
#include <gloo/scatter.h>
#include <gloo/transport/tcp/device.h>

#include <cstdlib>
#include <memory>
#include <vector>

namespace {

using benchmarks::Operation;

class Gloo {
 public:
  Gloo(int rank, int size, const std::string& folder) {
    gloo::transport::tcp::attr attributes;
    attributes.hostname = "127.0.0.1";
    auto device = gloo::transport::tcp::CreateDevice(attributes);
    gloo::rendezvous::FileStore files(folder);
    gloo::rendezvous::PrefixStore store("gloo", files);
    auto context = std::make_shared<gloo::rendezvous::Context>(rank, size);
    context->connectFullMesh(store, device);
    context_ = context;
  }

  int rank() const { return context_->rank; }
  int size() const { return context_->size; }
  // It has no reduce_scatter of this kind.
  static constexpr bool supports(Operation operation) { return operation != Operation::reduce_scatter; }
  static lockstep::AlignedMemory make(std::size_t bytes) { return lockstep::AlignedMemory(bytes); }

  void run(Operation operation, std::span<float> input, std::span<float> output) {
    constexpr void (*sum)(void*, const void*, const void*, std::size_t) = &gloo::sum<float>;
    switch (operation) {
      case Operation::all_reduce: {
        gloo::AllreduceOptions options(context_);
        options.setOutput(input.data(), input.size());
        options.setReduceFunction(sum);
        return gloo::allreduce(options);
      }
      case Operation::reduce: {
        gloo::ReduceOptions options(context_);
        options.setInput(input.data(), input.size());
        options.setOutput(output.data(), output.size());
        options.setRoot(0);
        options.setReduceFunction(sum);
        return gloo::reduce(options);
      }
      case Operation::all_gather: {
        gloo::AllgatherOptions options(context_);
        options.setInput(input.data(), input.size());
        options.setOutput(output.data(), output.size());
        return gloo::allgather(options);
      }
      case Operation::broadcast: {
        gloo::BroadcastOptions options(context_);
        options.setOutput(input.data(), input.size());
        options.setRoot(0);
        return gloo::broadcast(options);
      }
      case Operation::gather: {
        gloo::GatherOptions options(context_);
        options.setInput(input.data(), input.size());
        if (rank() == 0) options.setOutput(output.data(), output.size());
        options.setRoot(0);
        return gloo::gather(options);
      }
      case Operation::scatter: {
        gloo::ScatterOptions options(context_);
        if (rank() == 0) {
          std::vector<float*> pieces;
          for (int peer = 0; peer < size(); ++peer) {
            pieces.push_back(input.data() + static_cast<std::size_t>(peer) * output.size());
          }
          options.setInputs(pieces, output.size());
        }
        options.setOutput(output.data(), output.size());
        options.setRoot(0);
        return gloo::scatter(options);
      }
      case Operation::all_to_all: {
        gloo::AlltoallOptions options(context_);
        options.setInput(input.data(), input.size());
        options.setOutput(output.data(), output.size());
        return gloo::alltoall(options);
      }
      case Operation::send_receive: {
        auto from = context_->createUnboundBuffer(input.data(), input.size_bytes());
        auto to = context_->createUnboundBuffer(output.data(), output.size_bytes());
        constexpr std::uint64_t slot = 1;
        to->recv((rank() + size() - 1) % size(), slot);
        from->send((rank() + 1) % size(), slot);
        to->waitRecv();
        from->waitSend();
        return;
      }
      case Operation::reduce_scatter:
        return;
    }
  }

 private:
  std::shared_ptr<gloo::Context> context_;
};

}  // namespace

int main(int argument_count, char** arguments) {
  return benchmarks::rank_main("collectives_gloo", [&] {
    if (argument_count != 6) throw lockstep::ArgumentError("this program is started by the benchmark collectives");
    Gloo contender(std::atoi(arguments[4]), std::atoi(arguments[5]), arguments[3]);
    benchmarks::Rank<Gloo>(contender, arguments[1], arguments[2]).serve();
  });
}
