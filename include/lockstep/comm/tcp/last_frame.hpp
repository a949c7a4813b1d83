// The last words on control connections. A socket that is closed while it holds unread bytes resets its connection, and
// destroys what is still on its way to the other side: whoever wants to be heard reads on until the others end.
#pragma once

#include <lockstep/comm/tcp/control_channel.hpp>
#include <lockstep/comm/tcp/tcp_socket.hpp>
#include <lockstep/core/deadline.hpp>
#include <lockstep/core/error.hpp>
#include <lockstep/core/on_demand.hpp>

#include <poll.h>

#include <array>
#include <cstddef>
#include <vector>

namespace lockstep::detail {

/// Sends what is left and discards what comes; true when the other side has ended, which is when it has read all.
LOCKSTEP_ON_DEMAND bool has_heard(ControlChannel& channel) {
  if (channel.unsent() > 0) {
    if (!channel.flush()) return true;
    if (channel.unsent() == 0) channel.stream().finish_writing();
  }
  std::array<std::byte, 4096> rest;
  for (;;) {
    const std::ptrdiff_t count = channel.stream().read_some(rest);
    if (count == stream_would_block) return false;
    if (count < 0) return true;
  }
}

/// Sends a frame as the last one on each channel and waits until all have heard it, or the deadline passes.
LOCKSTEP_ON_DEMAND void send_last_frame(std::vector<ControlChannel*> channels, const ControlFrame& frame,
                                        const Deadline& deadline) noexcept {
  try {
    for (ControlChannel* channel : channels) channel->send(frame);
    std::vector<pollfd> list;
    for (;;) {
      std::erase_if(channels, [](ControlChannel* channel) { return has_heard(*channel); });
      if (channels.empty()) return;
      list.clear();
      for (ControlChannel* channel : channels) {
        list.push_back({channel->descriptor(), static_cast<short>(POLLIN | (channel->unsent() > 0 ? POLLOUT : 0)), 0});
      }
      if (!wait_for_any(list, deadline)) return;
    }
  } catch (const Error&) {  // they will see their connections end
  }
}

}  // namespace lockstep::detail
