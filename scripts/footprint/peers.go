//go:build linux

package main

// peers is what others have published about comparable programs. These are their figures, from other machines, not ours.
const peers = `### What is published about others

Figures of users' and makers' own, on other machines; we measured none of them. They say what is usual, and are no race.

| program | published |
|---|---|
| LM Studio | its window takes 500 to 600 MB of a card's memory (its bug tracker, issue 1547); 172 MB of RAM for its main process and 109 MB for its GPU process, before its other processes |
| Open WebUI | 1.57 GB of RAM |
| Jan | 289 MB installed |
| Ollama | 982 MB for its installer for Windows, with its CUDA libraries |
`
