// Package protocol is the language that the inference service and its worker process speak over the
// worker's standard input and output: frames (see frame.go), each with a kind, a JSON message and, for
// pictures, a blob of raw bytes.
//
// It is versioned (the worker says its version first), every length is capped before memory is taken,
// and kinds that a side does not know are skipped. It stands on the standard library alone.
package protocol

// Version of the protocol. Worker and service must agree; both come from one build.
const Version = 4

// Kind names a message. The zero Kind is never sent.
type Kind uint8

// From the service to the worker.
const (
	KindLoad   Kind = 1 // Load: open a model; answered by Progress…, then Loaded or Failed with ID 0
	KindAsk    Kind = 2 // Ask, with the pictures' pixels as blob; answered by Progress, Reused, Delta…, then one of Done, Cancelled, Failed
	KindCancel Kind = 3 // Cancel: stop the request (or the load, ID 0) as soon as possible
	KindClear  Kind = 4 // Clear: empty the KV cache or free working memory; answered by Cleared or Failed with ID 0
	KindCount  Kind = 5 // Count: how many tokens an Ask would cost, nothing is computed; answered by Counted or Failed
	KindPlan   Kind = 6 // Load: a dry run of it, nothing is opened; answered by Planned or Failed with ID 0
)

// From the worker to the service.
const (
	KindHello     Kind = 64 // Hello: first frame of a worker
	KindProgress  Kind = 65 // Progress of loading, encoding or prompt decoding
	KindLoaded    Kind = 66 // Loaded: the model answers from now on
	KindReused    Kind = 67 // Reused: what the KV cache already held of this request
	KindDelta     Kind = 68 // Delta: a piece of the answer, whole UTF-8 characters
	KindDone      Kind = 69 // Done: the answer is complete
	KindCancelled Kind = 70 // Cancelled: the request ended because it was asked to
	KindFailed    Kind = 71 // Failed: the request (or load, clear: ID 0) ended with an error
	KindCleared   Kind = 72 // Cleared
	KindLastWords Kind = 73 // LastWords: ggml is about to abort the process; why
	KindCounted   Kind = 74 // Counted
	KindAlive     Kind = 75 // Alive: once a second, from a goroutine of its own, while a Load, Plan, Ask, Clear or Count is worked on
	KindPlanned   Kind = 76 // Planned
)

// Hello is the worker's first frame.
type Hello struct {
	Version int      `json:"version"`        // Version of the worker's protocol
	Engine  string   `json:"engine"`         // Galago's version
	Llama   string   `json:"llama"`          // llama.cpp's version
	System  string   `json:"system"`         // llama.cpp's own description of CPU features in use
	Devices []Device `json:"devices"`        // what ggml can compute on
	CUDA    *CUDA    `json:"cuda,omitempty"` // how it went with the CUDA engine; nil: the worker was not asked to load one
}

// The worker's environment says which CUDA engine it loads beside the CPU's libraries: a folder with ggml's CUDA
// backend (see inference/engines).
const (
	CUDAEnv     = "GALAGO_CUDA_LIB"      // the engine's folder; empty or not set: none
	CUDALeftEnv = "GALAGO_CUDA_LEFT_OUT" // the folder of an engine that is not loaded, because workers died of it
)

// CUDA is how loading a CUDA engine went. The CPU answers in any case.
type CUDA struct {
	Dir     string      `json:"dir"`               // the engine's folder
	Problem CUDAProblem `json:"problem,omitempty"` // empty: it is loaded and has at least one card
	Library string      `json:"library,omitempty"` // of CUDALibrary, CUDANoDriver and CUDASystem: the file, or version, that is missing
	Detail  string      `json:"detail,omitempty"`  // the words of the system's loader or of CUDA
	Runtime int         `json:"runtime,omitempty"` // version of the CUDA runtime, 13000 is 13.0; 0: not known
	Driver  int         `json:"driver,omitempty"`  // the newest CUDA that the driver runs; 0: not known, or no driver
}

// CUDAProblem is why a CUDA engine is of no use.
type CUDAProblem string

// The problems.
const (
	CUDALibrary   CUDAProblem = "library"    // a library of the CUDA runtime is missing
	CUDANoDriver  CUDAProblem = "no_driver"  // NVIDIA's driver is missing
	CUDAOldDriver CUDAProblem = "old_driver" // it is too old for this CUDA runtime
	CUDAMixed     CUDAProblem = "mixed"      // parts of the driver do not match: it was updated while it ran
	CUDANoCard    CUDAProblem = "no_card"    // the driver has no card for CUDA
	CUDASystem    CUDAProblem = "system"     // the engine was built for a newer system
	CUDAVersion   CUDAProblem = "version"    // the backend is of another llama.cpp
	CUDANoEngine  CUDAProblem = "no_engine"  // there is no CUDA backend in the folder
	CUDACrashed   CUDAProblem = "crashed"    // workers died while they loaded it, so it was left out
	CUDABroken    CUDAProblem = "broken"     // anything else; see Detail
)

// Device is something ggml computes on.
type Device struct {
	Name        string `json:"name"`        // ggml's name, such as CUDA0 or CPU
	Description string `json:"description"` // such as NVIDIA GeForce RTX 3050
	Type        string `json:"type"`        // CPU, GPU, IGPU or ACCEL
	Backend     string `json:"backend"`     // ggml's backend, such as CUDA or CPU
}

// Load opens a model, replacing the one that is open.
type Load struct {
	Model          string `json:"model"`            // path of the GGUF
	MMProj         string `json:"mmproj"`           // path of the vision projector's GGUF; empty for a model without eyes
	Context        int    `json:"n_ctx"`            // KV cache cells; 0: a sensible default within the model's own limit
	Batch          int    `json:"n_ubatch"`         // tokens per slice of the prompt; 0: default
	GPULayers      int    `json:"gpu_layers"`       // layers on the GPU; 0: all, -1: none
	KVType         string `json:"kv_type"`          // f16 or q8_0; empty: f16
	Threads        int    `json:"threads"`          // 0: as many as physical cores
	ImageMinTokens int    `json:"image_min_tokens"` // 0: the projector's own
	ImageMaxTokens int    `json:"image_max_tokens"` // 0: the projector's own
	MMProjCPU      bool   `json:"mmproj_cpu"`       // the vision tower stays off the GPU
	States         string `json:"states"`           // folder where KV caches and pictures are put aside; empty: nothing goes to disk
	StatesMemory   int64  `json:"states_memory"`    // bytes of them that are kept in memory; 0: none
	StatesDisk     int64  `json:"states_disk"`      // bytes that the folder may have altogether; 0: none
	Calibrate      bool   `json:"calibrate"`        // encode one picture of ImageMaxTokens after loading and measure what it takes
}

// Part is what a piece of memory is for.
type Part string

// The parts that the engine takes.
const (
	PartWeights Part = "weights"
	PartVision  Part = "vision"  // weights of the vision tower and projector
	PartKV      Part = "kv"      // KV cache
	PartCompute Part = "compute" // scratch space of the language model's graph
	PartEncode  Part = "encode"  // scratch space of the vision tower's graph: grows with the largest picture so far
	PartPool    Part = "pool"    // on a GPU, with Calibrate: what the driver gave while a picture was encoded beside PartEncode (ggml's pool, kernels)
)

// Memory is one buffer of the engine.
type Memory struct {
	Part   Part   `json:"part"`
	Device string `json:"device"` // ggml's name of where it is, such as CUDA0 or CPU
	Bytes  uint64 `json:"bytes"`
}

// Planned answers Plan: what a Load would take, as llama.cpp itself lays it out without allocating it. The vision
// tower is not in it: llama.cpp has no dry run for that.
type Planned struct {
	Memory []Memory `json:"memory"`
}

// Loaded describes the model that is open.
type Loaded struct {
	Name         string `json:"name"`         // general.name of the GGUF, or its file name
	Description  string `json:"description"`  // llama.cpp's, such as "qwen3vl 2B Q8_0"
	Parameters   uint64 `json:"parameters"`   //
	WeightBytes  uint64 `json:"weight_bytes"` // of all tensors
	Context      int    `json:"n_ctx"`        // KV cache cells in use
	ContextTrain int    `json:"n_ctx_train"`  // what the model was trained for
	Vision       Vision `json:"vision"`       //
	Device       string `json:"device"`       // where the layers are
	Layers       int    `json:"layers"`       // of the model, the output counted as one; 0: llama.cpp did not say
	GPULayers    int    `json:"gpu_layers"`   // of them, those that llama.cpp put on a GPU
	LoadMillis   int64  `json:"load_ms"`      //

	Memory       []Memory `json:"memory"`        // every buffer that is held now
	EncodeTokens int      `json:"encode_tokens"` // Calibrate: tokens of the picture that was encoded; 0: none was
	EncodeMillis float64  `json:"encode_ms"`     // Calibrate: how long that took
}

// Vision says what the projector wants of a picture. Factor is patch size times spatial merge of a
// Qwen-like projector with dynamic resolution; 0 means that llama.cpp resizes by itself (other families).
type Vision struct {
	Enabled   bool   `json:"enabled"`
	Projector string `json:"projector"` // clip.projector_type
	Factor    int    `json:"factor"`    // pixels per picture token along one side, or 0
	MinTokens int    `json:"min_tokens"`
	MaxTokens int    `json:"max_tokens"`
}

// Ask is one request: a whole conversation whose last message is the question.
type Ask struct {
	ID          uint64    `json:"id"`
	Messages    []Message `json:"messages"`
	Images      []Image   `json:"images"`   // in the order in which Message.Images count them
	Continue    bool      `json:"continue"` // the last message is the assistant's: its turn stays open, and the answer goes on with it
	MaxTokens   int       `json:"max_tokens"`
	Temperature float32   `json:"temperature"` // 0: always the likeliest token
	Seed        uint32    `json:"seed"`

	// Conversation names the conversation, for what is kept of it; empty: nothing is kept on disk.
	Conversation string `json:"conversation"`

	// In this order, before Temperature; 0 leaves each out.
	RepeatPenalty float32 `json:"repeat_penalty"` // divides the score of what was said; 1: off
	RepeatLastN   int     `json:"repeat_last_n"`  // tokens, the prompt's included, that count as said; -1: all
	TopK          int     `json:"top_k"`
	TopP          float32 `json:"top_p"` // 1: off
	MinP          float32 `json:"min_p"`

	// Look has the pictures encoded and kept for a later request, and nothing answered; the messages' words do not matter.
	// Where nothing could be kept, or memory would have to be taken for it first, nothing is done.
	Look bool `json:"look,omitempty"`
}

// Message is one turn. Its pictures stand before its text.
type Message struct {
	Role   string `json:"role"` // system, user or assistant
	Text   string `json:"text"`
	Images int    `json:"images"` // how many of Ask.Images belong to this message, taken in order
}

// Image describes pixels in the frame's blob: Width*Height*3 bytes, RGB, row by row, one picture after the other.
type Image struct {
	Width  int    `json:"width"`
	Height int    `json:"height"`
	Hash   string `json:"hash"` // of the pixels; equal hashes are the same picture to the KV cache
}

// Cancel stops a request; ID 0 stops a load.
type Cancel struct {
	ID uint64 `json:"id"`
}

// Phase of the work that Progress reports.
type Phase string

// The phases of a request, in order, and of a load.
const (
	PhaseLoad    Phase = "load"    // reading weights, and what comes after that until Loaded; Done and Total in thousandths
	PhasePrepare Phase = "prepare" // only after FreeWorking: vision tower and context are made again; Done and Total in steps
	PhaseEncode  Phase = "encode"  // pictures through the vision tower; Done and Total in pictures
	PhasePrompt  Phase = "prompt"  // prompt through the model; Done and Total in tokens
)

// Stage is a step that can run out of memory. What has to become smaller depends on it.
type Stage string

// The stages. A load passes the first three, and StageEncode when it calibrates; a request passes StageEncode for each
// picture that is new and StageDecode, and before them what FreeWorking gave up.
const (
	StageLoadWeights   Stage = "load_weights"
	StageLoadVision    Stage = "load_vision"    // weights of the vision tower and projector
	StageCreateContext Stage = "create_context" // KV cache and compute buffers
	StageEncode        Stage = "encode"         // a picture through the vision tower
	StageDecode        Stage = "decode"         // prompt, picture embeddings and answer through the model
)

// Progress of a load (ID 0) or a request.
type Progress struct {
	ID    uint64 `json:"id"`
	Phase Phase  `json:"phase"`
	Done  int    `json:"done"`
	Total int    `json:"total"`

	// Stage is what is about to be done. It goes out before each stage begins, so that after an abort inside ggml,
	// which sends no Failed, the last Stage of that load or request is the one that ended the worker. Never empty.
	Stage Stage `json:"stage"`
}

// Reused says what need not be computed again.
type Reused struct {
	ID     uint64 `json:"id"`
	Tokens int    `json:"tokens"` // prompt tokens found in the KV cache, picture tokens included
	Images int    `json:"images"` // pictures among them
	Prompt int    `json:"prompt"` // prompt tokens altogether
}

// Delta is a piece of the answer.
type Delta struct {
	ID   uint64 `json:"id"`
	Text string `json:"text"`
}

// StopReason says why an answer ended.
type StopReason string

// The reasons: the model ended its turn, the token limit, or a full context.
const (
	StopEnd     StopReason = "end"
	StopLimit   StopReason = "limit"
	StopContext StopReason = "context"
)

// Done ends a request that was answered.
type Done struct {
	ID    uint64     `json:"id"`
	Stop  StopReason `json:"stop"`
	Stats Stats      `json:"stats"`
}

// Stats are one answer's figures. Times are in milliseconds since the worker took the request.
type Stats struct {
	ImageTokens   int     `json:"image_tokens"`
	PromptTokens  int     `json:"prompt_tokens"` // picture tokens included
	ReusedTokens  int     `json:"reused_tokens"`
	AnswerTokens  int     `json:"answer_tokens"`
	PrepareMillis float64 `json:"prepare_ms"` // making again what FreeWorking gave up; 0 where nothing was missing
	EncodeMillis  float64 `json:"encode_ms"`
	EncodeTokens  int     `json:"encode_tokens"` // picture tokens that EncodeMillis went into; the others were known already
	PromptMillis  float64 `json:"prompt_ms"`     // without preparing and encoding
	FirstToken    float64 `json:"time_to_first_token_ms"`
	TokensPerSec  float64 `json:"tokens_per_second"` // of the answer after its first token
	ContextUsed   int     `json:"context_used"`      // KV cells in use afterwards
	ContextTotal  int     `json:"context_total"`

	Memory []Memory `json:"memory"` // every buffer that is held afterwards
}

// Cancelled ends a request that was cancelled. The KV cache keeps what was decoded, up to the last whole piece.
type Cancelled struct {
	ID uint64 `json:"id"`
}

// Failed ends a request, a load or a clear.
type Failed struct {
	ID     uint64 `json:"id"`
	Code   Code   `json:"code"`
	Stage  Stage  `json:"stage"`  // where memory may be saved; empty where none was reached
	Op     string `json:"op"`     // what was being done, such as "load model"
	Detail string `json:"detail"` // for the person who looks closer: log lines
}

// Code classifies an error. inference.Error gives each a sentence.
type Code string

// The codes.
const (
	CodeOutOfMemory   Code = "out_of_memory"
	CodeModelInvalid  Code = "model_invalid"
	CodeMMProjInvalid Code = "mmproj_invalid" // not a projector, or of another model
	CodeEngineMissing Code = "engine_missing" // program or libraries
	CodeWorkerDied    Code = "worker_died"
	CodeWorkerHung    Code = "worker_hung"
	CodeProtocol      Code = "protocol" // garbage or another version
	CodeContextFull   Code = "context_full"
	CodeBadImage      Code = "bad_image"
	CodeNoVision      Code = "no_vision" // a picture for a model without eyes
	CodeEmptyPrompt   Code = "empty_prompt"
	CodeNoModel       Code = "no_model"
	CodeCancelled     Code = "cancelled"
	CodeDecode        Code = "decode"
	CodeInternal      Code = "internal"
	CodeOutOfRange    Code = "out_of_range" // a request's figure; the service's, never the worker's
	CodeWontFit       Code = "wont_fit"     // refused before anything was allocated; the service's, never the worker's
)

// Clear says what to give up. The model's weights stay.
type Clear struct {
	What What `json:"what"`
}

// What Clear gives up.
type What string

// The two depths. Unloading everything is done by ending the worker.
const (
	ForgetCache What = "forget"  // the KV cache's content: the memory stays with it
	FreeWorking What = "working" // the context (KV cache, compute buffers) and the vision tower with its buffers; the next Ask makes them again
)

// Cleared answers Clear. Bytes are the worker's own measure: resident memory on a CPU, and what the GPU's driver
// reports in use on a GPU.
type Cleared struct {
	What   What     `json:"what"`
	Before uint64   `json:"before_bytes"` // in use before
	After  uint64   `json:"after_bytes"`  // in use afterwards
	Device string   `json:"device"`       // what was measured, such as "resident memory" or "CUDA0"
	Memory []Memory `json:"memory"`       // every buffer that is still held
}

// Counted answers Count.
type Counted struct {
	ID           uint64 `json:"id"`
	PromptTokens int    `json:"prompt_tokens"`
	ImageTokens  []int  `json:"image_tokens"` // per picture
}

// Alive is the worker's heartbeat. It comes from another goroutine than the one that computes, so that the service
// can tell a worker that computes for long (a picture on a slow CPU) from one that is gone or stopped: no frame at all
// for a minute means gone. Steps lets it find a computation that is stuck: the worker raises it wherever the computing
// thread passes (a token, a slice of the prompt, ggml's abort or evaluation callback). A worker that cannot say sends 0
// and is granted the service's much longer limit.
type Alive struct {
	Steps uint64 `json:"steps"`
}

// LastWords is what ggml said before it ended the process.
type LastWords struct {
	Text string `json:"text"`
}
