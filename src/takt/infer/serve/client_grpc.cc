// SPDX-License-Identifier: Apache-2.0
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <chrono>
#include <climits>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <utility>

#include "takt/core/base/clock.h"
#include "takt/core/base/error.h"
#include "takt/infer/serve/client_grpc_impl.h"
#include "takt/infer/serve/grpc_bytes_impl.h"

namespace takt::serve::serve_internal {
namespace {

using grpc_internal::BytesOf;
using grpc_internal::FromBuffer;
using grpc_internal::ToBuffer;

constexpr char kService[] = "/takt.policy.v1.Policy/";

std::chrono::system_clock::time_point After(double seconds) {
  return std::chrono::system_clock::now() +
         std::chrono::duration_cast<std::chrono::system_clock::duration>(std::chrono::duration<double>(seconds));
}

std::chrono::steady_clock::duration Duration(double seconds) {
  return std::chrono::duration_cast<std::chrono::steady_clock::duration>(std::chrono::duration<double>(seconds));
}

// The call that Send and Receive share. Lives until gRPC is done with it and the client is gone.
class StreamEnd final : public grpc::ClientBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer> {
 public:
  StreamEnd(grpc::GenericStub* stub, const std::string& address) : address_(address) {
    stub->PrepareBidiStreamingCall(&context_, std::string(kService) + "Stream", grpc::StubOptions(), this);
    StartRead(&in_);
    StartCall();
  }

  void Send(const std::string& bytes) {
    const std::lock_guard lock(mutex_);
    ThrowIfOver();
    out_.push_back(ToBuffer(bytes));
    if (out_.size() == 1) StartWrite(&out_.front());
  }
  std::optional<Reply> Receive(double timeout_s) {
    std::unique_lock lock(mutex_);
    if (!changed_.wait_for(lock, Duration(timeout_s), [this] { return !replies_.empty() || is_done_; })) {
      return std::nullopt;
    }
    if (replies_.empty()) ThrowIfOver();
    const grpc::ByteBuffer buffer = std::move(replies_.front());
    replies_.pop_front();
    lock.unlock();
    grpc::Slice slice;
    if (!FromBuffer(buffer, &slice)) throw Error(ErrorCode::kBadInput, address_, "sends what cannot be decompressed");
    return ParseActReply(BytesOf(slice));
  }
  void End() {
    context_.TryCancel();
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return is_done_; });
  }

  void OnReadDone(bool is_ok) override {
    if (!is_ok) return;
    const std::lock_guard lock(mutex_);
    replies_.push_back(in_);
    in_.Clear();
    changed_.notify_all();
    StartRead(&in_);
  }
  void OnWriteDone(bool is_ok) override {
    const std::lock_guard lock(mutex_);
    out_.pop_front();
    if (!is_ok) out_.clear();
    if (!out_.empty()) StartWrite(&out_.front());
  }
  void OnDone(const grpc::Status& status) override {
    const std::lock_guard lock(mutex_);
    is_done_ = true;
    status_ = status;
    changed_.notify_all();
  }

 private:
  void ThrowIfOver() const {
    if (!is_done_) return;
    throw Error(ErrorCode::kIo, address_, "lost the connection: " + status_.error_message(),
                "see the log of the server");
  }
  const std::string address_;
  grpc::ClientContext context_;
  grpc::ByteBuffer in_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<grpc::ByteBuffer> out_;  // the first is being written
  std::deque<grpc::ByteBuffer> replies_;
  bool is_done_ = false;
  grpc::Status status_;
};

class GrpcClient final : public PolicyClient {
 public:
  GrpcClient(const std::string& address, const ClientOptions& options) : PolicyClient(options), address_(address) {
    grpc_internal::BeQuiet();
    grpc::ChannelArguments arguments;
    arguments.SetMaxReceiveMessageSize(static_cast<int>(std::min<uint32_t>(options.max_message_bytes, INT_MAX)));
    const std::shared_ptr<grpc::Channel> channel =
        grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments);
    if (!channel->WaitForConnected(After(options.timeout_s))) {
      throw Error(ErrorCode::kIo, address, "cannot be reached", "does `takt policy serve` run, with this address?");
    }
    stub_ = std::make_unique<grpc::GenericStub>(channel);
  }
  ~GrpcClient() override {
    if (stream_) stream_->End();
  }

  ServeInfo Info() override { return ParseInfoReply(BytesOf(Must("Info", {}))); }
  Health GetHealth() override { return ParseHealthReply(BytesOf(Must("Health", {}))); }

 protected:
  void Write(const Request& request) override { Stream()->Send(EncodeActRequest(request)); }
  std::optional<Reply> Read(double timeout_s) override { return Stream()->Receive(timeout_s); }
  std::optional<Reply> Ask(const Request& request, double end_s) override {
    grpc::Slice slice;
    const grpc::Status status = Call("Act", EncodeActRequest(request), end_s - WallSeconds(), &slice);
    if (status.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED) return std::nullopt;
    if (!status.ok()) throw Failed(status);
    return ParseActReply(BytesOf(slice));
  }

 private:
  StreamEnd* Stream() {
    if (!stream_) stream_ = std::make_unique<StreamEnd>(stub_.get(), address_);
    return stream_.get();
  }
  Error Failed(const grpc::Status& status) const { return Error(ErrorCode::kIo, address_, status.error_message()); }
  grpc::Slice Must(const char* method, const std::string& bytes) {
    grpc::Slice slice;
    const grpc::Status status = Call(method, bytes, options_.timeout_s, &slice);
    if (!status.ok()) throw Failed(status);
    return slice;
  }
  grpc::Status Call(const char* method, const std::string& bytes, double timeout_s, grpc::Slice* slice) {
    grpc::ClientContext context;
    context.set_deadline(After(timeout_s));
    const grpc::ByteBuffer in = ToBuffer(bytes);
    grpc::ByteBuffer out;
    std::mutex mutex;
    std::condition_variable changed;
    std::optional<grpc::Status> ended;
    stub_->UnaryCall(&context, std::string(kService) + method, grpc::StubOptions(), &in, &out,
                     [&](grpc::Status status) {
                       const std::lock_guard lock(mutex);
                       ended = std::move(status);
                       changed.notify_all();
                     });
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return ended.has_value(); });
    if (ended->ok() && !FromBuffer(out, slice)) {
      return grpc::Status(grpc::StatusCode::INTERNAL, "sends what cannot be decompressed");
    }
    return *ended;
  }

  const std::string address_;
  std::unique_ptr<grpc::GenericStub> stub_;
  std::unique_ptr<StreamEnd> stream_;
};

}  // namespace

std::unique_ptr<PolicyClient> ConnectGrpc(const std::string& address, const ClientOptions& options) {
  return std::make_unique<GrpcClient>(address, options);
}

}  // namespace takt::serve::serve_internal
