package gguf

import (
	"math"
	"strings"
)

// architectures are the language models that llama.cpp v0.4.0 knows: LLM_ARCH_NAMES of src/llama-arch.cpp.
var architectures = wordSet(`
	llama llama4 deci falcon grok gpt2 gptj gptneox mpt baichuan starcoder refact bert modern-bert nomic-bert
	nomic-bert-moe neo-bert jina-bert-v2 jina-bert-v3 eurobert bloom stablelm qwen qwen2 qwen2moe qwen2vl qwen3
	qwen3moe qwen3next qwen3vl qwen3vlmoe qwen35 qwen35moe qwen4exp phi2 phi3 phimoe plamo plamo2 plamo3 codeshell
	orion internlm2 minicpm minicpm3 gemma gemma2 gemma3 gemma3n gemma4 gemma4-assistant gemma-embedding starcoder2
	mamba mamba2 jamba falcon-h1 xverse command-r cohere2 cohere2moe dbrx olmo olmo2 olmoe muse-glimmer openelm
	arctic deepseek deepseek2 deepseek2-ocr deepseek32 deepseek4 chatglm glm4 glm4moe glm-dsa bitnet t5 t5encoder
	jais jais2 nemotron nemotron_h nemotron_h_moe exaone exaone4 exaone-moe rwkv6 rwkv6qwen2 rwkv7 arwkv7 granite
	granitemoe granitehybrid graniteswitch granite_swa chameleon wavtokenizer-dec plm bailingmoe bailingmoe2
	bailingmoe3 dots1 dots3note arcee afmoe laguna ernie4_5 ernie4_5-moe hunyuan-moe hunyuan-dense hunyuan_vl hy_v3
	smollm3 gpt-oss lfm2 lfm2moe dream smallthinker llada llada-moe seed_oss grovemoe apertus minimax-01 minimax-m2
	minimax-m3 cogvlm rnd1 pangu-embedded mistral3 eagle3 dflash mistral4 paddleocr mimo2 step35 llama-embed
	maincoder kimi-linear kimi-k3 talkie mellum nanbeige qwen3tts pockettts
`)

// projectors are the projectors that it knows: PROJECTOR_TYPE_NAMES of tools/mtmd/clip-impl.h.
var projectors = wordSet(`
	mlp ldp ldpv2 resampler adapter qwen2vl_merger qwen2.5vl_merger qwen3vl_merger step3vl gemma3 gemma3nv gemma3na
	gemma4v gemma4a gemma4uv gemma4ua phi4 idefics3 pixtral ultravox internvl llama4 qwen2a qwen3a glma qwen2.5o
	voxtral meralion musicflamingo lfm2 kimivl paddleocr lightonocr cogvlm janus_pro dots_ocr dots3note_v
	dots3note_a deepseekocr deepseekocr2 deepseek4v lfm2a glm4v youtuvl yasa2 kimik25 nemotron_v2_vl exaone4_5
	hunyuanvl minicpmv4_6 granite_speech mimovl minimax_m3 granite4_vision mimo_audio parakeet qwen3tts_spkenc
	qwen3tts_gen pockettts_spkenc pockettts_gen muse-glimmer
`)

// searchers are those of the architectures that turn texts into numbers for searching, and answer nothing.
var searchers = wordSet(`
	bert modern-bert nomic-bert nomic-bert-moe neo-bert jina-bert-v2 jina-bert-v3 eurobert gemma-embedding llama-embed
	t5encoder
`)

// helpers are those that only help another model along: they draft tokens for it, or make sounds of what it says.
var helpers = wordSet(`eagle3 dflash gemma4-assistant wavtokenizer-dec`)

// wordSet is a set of words.
func wordSet(list string) map[string]bool {
	set := map[string]bool{}
	for _, word := range strings.Fields(list) {
		set[word] = true
	}
	return set
}

// Known reports whether llama.cpp v0.4.0, for which this version of Galago is made, has heard of a model's architecture or
// of a projector's kind.
func (f *File) Known() bool {
	switch f.Kind() {
	case KindMMProj:
		return projectors[f.Projector()]
	case KindModel, KindSplit:
		a := f.Architecture()
		return a == "" || architectures[a] // later parts of a model do not say
	}
	return true
}

// Chats reports whether a model can answer: it is neither one for searching nor a helper of another model.
func (f *File) Chats() bool {
	a := f.Architecture()
	return !searchers[a] && !helpers[a]
}

// Sees reports whether a projector is for pictures; it can be for sound as well.
func (f *File) Sees() bool { return f.Bool("clip.has_vision_encoder") }

// Hears reports whether a projector is for sound; it can be for pictures as well.
func (f *File) Hears() bool { return f.Bool("clip.has_audio_encoder") }

// HoldsTower reports whether a language model's file holds a vision tower too, as Ollama packs them. llama.cpp wants the
// tower in a file of its own: it refuses a model with tensors that it does not know.
func (f *File) HoldsTower() bool {
	if f.Kind() == KindMMProj {
		return false
	}
	for _, t := range f.Tensors {
		if strings.HasPrefix(t.Name, "v.") || strings.HasPrefix(t.Name, "mm.") {
			return true
		}
	}
	return false
}

// Projector is the kind of a projector, as llama.cpp names it, such as "qwen3vl_merger"; empty for other files.
func (f *File) Projector() string {
	if s := f.projector(); s != "" {
		return s
	}
	return f.String("clip.audio.projector_type")
}

// fileTypes are the names of general.file_type: enum llama_ftype of include/llama.h.
var fileTypes = map[uint64]string{
	0: "F32", 1: "F16", 2: "Q4_0", 3: "Q4_1", 7: "Q8_0", 8: "Q5_0", 9: "Q5_1",
	10: "Q2_K", 11: "Q3_K_S", 12: "Q3_K_M", 13: "Q3_K_L", 14: "Q4_K_S", 15: "Q4_K_M", 16: "Q5_K_S", 17: "Q5_K_M", 18: "Q6_K",
	19: "IQ2_XXS", 20: "IQ2_XS", 21: "Q2_K_S", 22: "IQ3_XS", 23: "IQ3_XXS", 24: "IQ1_S", 25: "IQ4_NL", 26: "IQ3_S", 27: "IQ3_M",
	28: "IQ2_S", 29: "IQ2_M", 30: "IQ4_XS", 31: "IQ1_M", 32: "BF16", 36: "TQ1_0", 37: "TQ2_0", 38: "MXFP4", 39: "NVFP4",
	40: "Q1_0", 41: "Q2_0",
}

// Quant is how the weights are written, such as "Q8_0" or "Q4_K_M": what the file says of itself, or else the type that most
// of its bytes have; empty for a file without tensors.
func (f *File) Quant() string {
	if _, given := f.Value("general.file_type"); given {
		if name, known := fileTypes[f.Uint("general.file_type")]; known {
			return name
		}
	}
	bytes := map[Type]int64{}
	most := Type(math.MaxUint32)
	for _, t := range f.Tensors {
		bytes[t.Type] += t.Bytes
		if bytes[t.Type] > bytes[most] || bytes[t.Type] == bytes[most] && t.Type < most {
			most = t.Type
		}
	}
	if len(bytes) == 0 {
		return ""
	}
	return most.String()
}
