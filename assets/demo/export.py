"""Writes the trained weights as GGUF + mmproj + manifest, and reads them back for more training.

    python export.py --weights joint.pt --out assets/demo
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os

import gguf
import numpy as np
import torch

import config as C
from tokens import Coder

MODEL, MMPROJ = "galago-demo-Q8_0.gguf", "mmproj-galago-demo-Q8_0.gguf"

TEXT_BLOCK = {"input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm", "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k",
              "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output", "self_attn.q_norm": "attn_q_norm", "self_attn.k_norm": "attn_k_norm",
              "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down"}
VISION_BLOCK = {"norm1": "ln1", "norm2": "ln2", "attn.qkv": "attn_qkv", "attn.proj": "attn_out", "mlp.linear_fc1": "ffn_up", "mlp.linear_fc2": "ffn_down"}


def text_names() -> dict[str, str]:
    """Our name -> GGUF name, language half."""
    names = {"language_model.embed_tokens.weight": "token_embd.weight", "language_model.norm.weight": "output_norm.weight"}
    for i in range(C.TEXT["depth"]):
        names |= {f"language_model.layers.{i}.{a}.weight": f"blk.{i}.{b}.weight" for a, b in TEXT_BLOCK.items()}
    return names


def vision_names() -> dict[str, str]:
    names = {"visual.pos_embed.weight": "v.position_embd.weight"}
    both = {"visual.patch_embed": "v.patch_embd", "visual.merger.norm": "v.post_ln", "visual.merger.linear_fc1": "mm.0", "visual.merger.linear_fc2": "mm.2"}
    for i in range(C.VISION["depth"]):
        both |= {f"visual.blocks.{i}.{a}": f"v.blk.{i}.{b}" for a, b in VISION_BLOCK.items()}
    for n, i in enumerate(C.VISION["deepstack"]):
        both |= {f"visual.deepstack_merger_list.{n}.{a}": f"v.deepstack.{i}.{b}" for a, b in (("norm", "norm"), ("linear_fc1", "fc1"), ("linear_fc2", "fc2"))}
    for a, b in both.items():
        names |= {f"{a}.weight": f"{b}.weight", f"{a}.bias": f"{b}.bias"}
    return names


def add(writer: gguf.GGUFWriter, name: str, value: np.ndarray) -> None:
    """Matrices as Q8_0; vectors, positions and the patch filter stay exact."""
    if value.ndim == 2 and value.shape[1] % 32 == 0 and name != "v.position_embd.weight":
        q = gguf.quants.quantize(value.astype(np.float32), gguf.GGMLQuantizationType.Q8_0)
        writer.add_tensor(name, q, raw_dtype=gguf.GGMLQuantizationType.Q8_0)
    elif name.startswith("v.patch_embd.weight"):
        writer.add_tensor(name, value.astype(np.float16))
    else:
        writer.add_tensor(name, value.astype(np.float32))


def finish(writer: gguf.GGUFWriter) -> None:
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def write_text(path: str, weights: dict[str, np.ndarray]) -> None:
    t, coder = C.TEXT, Coder()
    w = gguf.GGUFWriter(path, "qwen3vl")
    w.add_type("model")
    w.add_name(C.NAME)
    w.add_size_label("3M")
    w.add_license("mit")
    w.add_file_type(gguf.LlamaFileType.MOSTLY_Q8_0)
    w.add_quantization_version(gguf.GGML_QUANT_VERSION)
    w.add_context_length(C.CONTEXT)
    w.add_embedding_length(t["hidden"])
    w.add_block_count(t["depth"])
    w.add_feed_forward_length(t["ff"])
    w.add_head_count(t["heads"])
    w.add_head_count_kv(t["heads"])
    w.add_key_length(t["head_dim"])
    w.add_value_length(t["head_dim"])
    w.add_layer_norm_rms_eps(t["eps"])
    w.add_rope_freq_base(t["theta"])
    w.add_array("qwen3vl.rope.dimension_sections", [*t["sections"], 0])
    w.add_uint32("qwen3vl.n_deepstack_layers", len(C.VISION["deepstack"]))
    w.add_vocab_size(coder.vocab)
    w.add_tokenizer_model("gpt2")
    w.add_tokenizer_pre("qwen2")
    tokens = [coder.tok.id_to_token(i) or f"[unused{i}]" for i in range(coder.vocab)]
    kinds = [gguf.TokenType.CONTROL if i < len(C.SPECIALS) else gguf.TokenType.NORMAL if i < coder.tok.get_vocab_size() else gguf.TokenType.UNUSED for i in range(coder.vocab)]
    w.add_token_list(tokens)
    w.add_token_types(kinds)
    merges = json.loads(coder.tok.to_str())["model"]["merges"]
    w.add_token_merges([m if isinstance(m, str) else " ".join(m) for m in merges])
    w.add_eos_token_id(C.SPECIALS.index("<|im_end|>"))
    w.add_pad_token_id(C.SPECIALS.index("<|endoftext|>"))
    w.add_add_bos_token(False)
    w.add_chat_template(C.CHAT_TEMPLATE)
    for ours, theirs in text_names().items():
        add(w, theirs, weights[ours])
    finish(w)


def write_vision(path: str, weights: dict[str, np.ndarray]) -> None:
    v = C.VISION
    w = gguf.GGUFWriter(path, "clip")
    w.add_type("mmproj")
    w.add_name(C.NAME)
    w.add_license("mit")
    w.add_file_type(gguf.LlamaFileType.MOSTLY_Q8_0)
    w.add_quantization_version(gguf.GGML_QUANT_VERSION)
    w.add_bool("clip.has_vision_encoder", True)
    w.add_string("clip.projector_type", "qwen3vl_merger")
    w.add_bool("clip.use_gelu", True)
    w.add_uint32("clip.vision.image_size", v["pos_side"] * C.PATCH)
    w.add_uint32("clip.vision.patch_size", C.PATCH)
    w.add_uint32("clip.vision.embedding_length", v["hidden"])
    w.add_uint32("clip.vision.feed_forward_length", v["ff"])
    w.add_uint32("clip.vision.block_count", v["depth"])
    w.add_uint32("clip.vision.projection_dim", C.TEXT["hidden"])
    w.add_uint32("clip.vision.attention.head_count", v["heads"])
    w.add_float32("clip.vision.attention.layer_norm_epsilon", 1e-6)
    w.add_array("clip.vision.image_mean", [0.5, 0.5, 0.5])
    w.add_array("clip.vision.image_std", [0.5, 0.5, 0.5])
    w.add_uint32("clip.vision.spatial_merge_size", 2)
    w.add_array("clip.vision.is_deepstack_layers", [i in v["deepstack"] for i in range(v["depth"])])
    for ours, theirs in vision_names().items():
        value = weights[ours]
        if theirs == "v.patch_embd.weight":  # a still picture is shown to both halves of the time axis
            half = value.reshape(v["hidden"], 3, C.PATCH, C.PATCH) / 2
            add(w, theirs, half)
            add(w, theirs + ".1", half)
        else:
            add(w, theirs, value)
    finish(w)


def read(folder: str) -> dict[str, torch.Tensor]:
    """The weights of shipped files, dequantised: where later training starts from (dense heads are learned anew)."""
    stored = {}
    for name in (MODEL, MMPROJ):
        for t in gguf.GGUFReader(os.path.join(folder, name)).tensors:
            value = gguf.quants.dequantize(t.data, t.tensor_type)
            stored[t.name] = torch.from_numpy(np.array(value, dtype=np.float32))
    out = {}
    for ours, theirs in {**text_names(), **vision_names()}.items():
        out[ours] = stored[theirs]
        if theirs == "v.patch_embd.weight":
            out[ours] = (stored[theirs] + stored[theirs + ".1"]).reshape(C.VISION["hidden"], -1)
    return out


def entry(folder: str, name: str) -> dict:
    with open(os.path.join(folder, name), "rb") as f:
        data = f.read()
    return {"file": name, "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}


def write(folder: str, weights: dict[str, torch.Tensor]) -> None:
    plain = {k: v.float().cpu().numpy() for k, v in weights.items()}
    write_text(os.path.join(folder, MODEL), plain)
    write_vision(os.path.join(folder, MMPROJ), plain)
    manifest = {
        "name": C.NAME, "quantization": "Q8_0", "model": entry(folder, MODEL), "mmproj": entry(folder, MMPROJ),
        "image_min_tokens": C.IMAGE_MIN_TOKENS, "image_max_tokens": C.IMAGE_MAX_TOKENS, "context": C.CONTEXT, "temperature": 0, "coordinates": "norm1000",
        "skills": "It knows shapes (circle, square, triangle, star, rectangle, hexagon, heart), ten colours, where things are, how many there are, and printed numbers of one to four digits.",
    }
    with open(os.path.join(folder, "manifest.json"), "w") as f:
        json.dump(manifest, f, indent=2)
        f.write("\n")


def mean(all: list[dict]) -> dict:
    return {k: sum(w[k] for w in all) / len(all) if v.is_floating_point() else v for k, v in all[0].items()}


def main() -> None:
    ap = argparse.ArgumentParser()
    ap.add_argument("--weights", required=True, nargs="+", help="checkpoints; the mean of several on one path is better than each")
    ap.add_argument("--out", default=os.path.dirname(os.path.abspath(__file__)))
    a = ap.parse_args()
    os.makedirs(a.out, exist_ok=True)
    weights = mean([torch.load(path, map_location="cpu")["weights"] for path in a.weights])
    write(a.out, weights)
    # The heads of the dense labels have no place in a GGUF; training goes on from them (train.py joint --from-gguf).
    heads = {k: v.half().numpy() for k, v in weights.items() if k.startswith("heads.")}
    np.savez_compressed(os.path.join(a.out, "heads.npz"), **heads)


if __name__ == "__main__":
    main()
