#!/usr/bin/env python3
"""Generates text with a GPTQ or AWQ checkpoint, by transformers and Lath.

  python generate.py FOLDER ["The prompt"] [--tokens 32]
"""
import argparse

import torch
import transformers

import lath
import lath.transformers


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder")
    parser.add_argument("prompt", nargs="?", default="A matrix product is")
    parser.add_argument("--tokens", type=int, default=32)
    args = parser.parse_args()
    lath.transformers.enable(always=True)
    model = transformers.AutoModelForCausalLM.from_pretrained(
        args.folder, dtype=torch.float16, device_map="cuda" if torch.cuda.is_available() else None)
    tokenizer = transformers.AutoTokenizer.from_pretrained(args.folder)
    lath.prepare(model, 64)
    layer = next(m for m in model.modules() if isinstance(m, lath.nn.QuantLinear))
    print(lath.explain(layer.weight, 1))
    inputs = tokenizer(args.prompt, return_tensors="pt").to(model.device)
    words = model.generate(**inputs, max_new_tokens=args.tokens, do_sample=False)
    print(tokenizer.decode(words[0], skip_special_tokens=True))


if __name__ == "__main__":
    main()
