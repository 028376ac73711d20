// SPDX-License-Identifier: Apache-2.0
#include "takt/infer/serve/grpc_server.h"

#include <grpcpp/grpcpp.h>
#include <grpcpp/resource_quota.h>

#include <algorithm>
#include <chrono>
#include <climits>
#include <deque>
#include <mutex>
#include <utility>

#include "takt/core/base/error.h"
#include "takt/infer/serve/grpc_bytes_impl.h"
#include "takt/infer/serve/proto/policy.grpc.pb.h"

namespace takt::serve {
namespace {

using grpc_internal::BytesOf;
using grpc_internal::FromBuffer;
using grpc_internal::ToBuffer;
using Clock = ServeLoop::Clock;

constexpr size_t kMaxUnread = 64;  // answers that a stream may leave unread before it is not read from

Request ParseBuffer(const grpc::ByteBuffer& buffer) {
  grpc::Slice slice;
  if (!FromBuffer(buffer, &slice)) throw Error(ErrorCode::kBadInput, "message", "cannot be decompressed");
  return ParseActRequest(BytesOf(slice));
}

// One observation, one answer. Deletes itself when gRPC is done with it.
class ActCall final : public grpc::ServerUnaryReactor {
 public:
  ActCall(ServeLoop* loop, grpc::CallbackServerContext* context, const grpc::ByteBuffer* in, grpc::ByteBuffer* out)
      : loop_(loop), owner_(loop->NewOwner()) {
    const auto answer = [this, out](const Reply& reply) {
      *out = ToBuffer(EncodeActReply(reply));
      Finish(grpc::Status::OK);
    };
    const Clock::time_point now = Clock::now();
    try {
      Request request = ParseBuffer(*in);
      const auto left = context->deadline() - std::chrono::system_clock::now();
      const double left_ms = std::max(std::chrono::duration<double, std::milli>(left).count(), 1e-3);
      // Without a deadline gRPC names a moment in the far future.
      if (left_ms < 3600e3 && (request.deadline_ms == 0 || left_ms < request.deadline_ms))
        request.deadline_ms = left_ms;
      loop_->Submit(std::move(request), owner_, now, answer);
    } catch (const Error& error) {
      loop_->RefuseUnread(error.subject(), error.message(), answer);
    }
  }
  void OnCancel() override { loop_->Cancel(owner_); }
  void OnDone() override { delete this; }

 private:
  ServeLoop* const loop_;
  const uint64_t owner_;
};

// Many observations over one call. Answers may come after the call is over: they hold it alive.
class StreamCall final : public grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer> {
 public:
  static StreamCall* Make(ServeLoop* loop) {
    auto call = std::make_shared<StreamCall>(loop);
    call->self_ = call;
    call->StartRead(&call->in_);
    return call.get();
  }
  explicit StreamCall(ServeLoop* loop) : loop_(loop), owner_(loop->NewOwner()) {}

  void OnReadDone(bool is_ok) override {
    const std::shared_ptr<StreamCall> self = self_;
    if (!is_ok) {  // the client has said all, or is gone
      const std::lock_guard lock(mutex_);
      is_read_ = true;
      FinishIfDone();
      return;
    }
    const auto answer = [self](const Reply& reply) { self->Write(reply); };
    const Clock::time_point now = Clock::now();
    {
      const std::lock_guard lock(mutex_);
      ++unanswered_;
    }
    try {
      loop_->Submit(ParseBuffer(in_), owner_, now, answer);
    } catch (const Error& error) {
      loop_->RefuseUnread(error.subject(), error.message(), answer);
    }
    const std::lock_guard lock(mutex_);
    if (unread_.size() < kMaxUnread)
      StartRead(&in_);
    else
      is_paused_ = true;
  }

  void OnWriteDone(bool is_ok) override {
    const std::shared_ptr<StreamCall> self = self_;
    const std::lock_guard lock(mutex_);
    unread_.pop_front();
    if (!is_ok) is_gone_ = true;
    if (is_gone_) unread_.clear();
    if (!unread_.empty()) StartWrite(&unread_.front());
    if (is_paused_ && unread_.size() < kMaxUnread / 2) {
      is_paused_ = false;
      StartRead(&in_);
    }
    FinishIfDone();
  }

  void OnCancel() override {
    const std::shared_ptr<StreamCall> self = self_;
    {
      const std::lock_guard lock(mutex_);
      is_gone_ = true;
    }
    loop_->Cancel(owner_);
  }

  void OnDone() override { self_.reset(); }

 private:
  void Write(const Reply& reply) {
    grpc::ByteBuffer buffer = ToBuffer(EncodeActReply(reply));
    const std::lock_guard lock(mutex_);
    --unanswered_;
    if (!is_gone_ && !is_finished_) {
      unread_.push_back(std::move(buffer));
      if (unread_.size() == 1) StartWrite(&unread_.front());
    }
    FinishIfDone();
  }
  // Under the lock. The last write must have ended.
  void FinishIfDone() {
    if (is_finished_ || !is_read_ || unanswered_ > 0 || !unread_.empty()) return;
    is_finished_ = true;
    Finish(grpc::Status::OK);
  }

  ServeLoop* const loop_;
  const uint64_t owner_;
  std::shared_ptr<StreamCall> self_;
  grpc::ByteBuffer in_;
  std::mutex mutex_;
  std::deque<grpc::ByteBuffer> unread_;  // the first is being written
  int unanswered_ = 0;
  bool is_read_ = false, is_paused_ = false, is_gone_ = false, is_finished_ = false;
};

namespace pb = takt::policy::v1;

// All methods take bytes as they are: this module's parser counts before protobuf allocates.
using RawService = pb::Policy::WithRawCallbackMethod_Act<pb::Policy::WithRawCallbackMethod_Stream<
    pb::Policy::WithRawCallbackMethod_Info<pb::Policy::WithRawCallbackMethod_Health<pb::Policy::Service>>>>;

class PolicyService final : public RawService {
 public:
  explicit PolicyService(ServeLoop* loop) : loop_(loop) {}

  grpc::ServerUnaryReactor* Act(grpc::CallbackServerContext* context, const grpc::ByteBuffer* in,
                                grpc::ByteBuffer* out) override {
    return new ActCall(loop_, context, in, out);
  }
  grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>* Stream(grpc::CallbackServerContext*) override {
    return StreamCall::Make(loop_);
  }
  grpc::ServerUnaryReactor* Info(grpc::CallbackServerContext* context, const grpc::ByteBuffer*,
                                 grpc::ByteBuffer* out) override {
    return Say(context, EncodeInfoReply(loop_->info()), out);
  }
  grpc::ServerUnaryReactor* Health(grpc::CallbackServerContext* context, const grpc::ByteBuffer*,
                                   grpc::ByteBuffer* out) override {
    return Say(context, EncodeHealthReply(loop_->GetHealth()), out);
  }

 private:
  static grpc::ServerUnaryReactor* Say(grpc::CallbackServerContext* context, const std::string& bytes,
                                       grpc::ByteBuffer* out) {
    *out = ToBuffer(bytes);
    grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
    reactor->Finish(grpc::Status::OK);
    return reactor;
  }
  ServeLoop* const loop_;
};

}  // namespace

class GrpcServer::Impl {
 public:
  Impl(const GrpcOptions& options, ServeLoop* loop) : service_(loop) {
    grpc_internal::BeQuiet();
    grpc::ServerBuilder builder;
    builder.AddListeningPort(options.address, grpc::InsecureServerCredentials(), &port_);
    builder.RegisterService(&service_);
    builder.SetMaxReceiveMessageSize(static_cast<int>(std::min<uint32_t>(options.max_message_bytes, INT_MAX)));
    builder.SetResourceQuota(grpc::ResourceQuota("policy").Resize(options.max_buffered_bytes));
    builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, options.max_calls_per_connection);
    // Two servers on one port would each get half of the robots.
    builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
    server_ = builder.BuildAndStart();
    if (!server_ || port_ <= 0) {
      throw Error(ErrorCode::kIo, options.address, "cannot be listened on",
                  "is the port taken, or not of this machine?");
    }
  }
  void Stop() { server_->Shutdown(std::chrono::system_clock::now() + std::chrono::seconds(1)); }
  int port() const { return port_; }

 private:
  PolicyService service_;
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
};

GrpcServer::GrpcServer(const GrpcOptions& options, ServeLoop* loop) : impl_(std::make_unique<Impl>(options, loop)) {}
GrpcServer::~GrpcServer() { Stop(); }
int GrpcServer::port() const { return impl_->port(); }
void GrpcServer::Stop() { impl_->Stop(); }

}  // namespace takt::serve
