"""Asks about a scene in many wordings and knows the true answers.

A conversation is a list of Turn; training learns the answers, evaluation compares with `expect`.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from config import COLOURS, SHAPES
from generate import Scene, Thing

INTRO = "I am the small built-in demo model: I can tell you about shapes, colours and numbers in a picture."
NO_PICTURE = "No picture is attached: drop one, then ask me about its shapes, colours and numbers."


@dataclass
class Turn:
    q: str
    a: str
    kind: str
    expect: dict = field(default_factory=dict)
    thing: Thing | None = None   # what a following "it" means
    shown: int = 0               # pictures that come with this turn


# ---------------------------------------------------------------- wordings
COLOUR_OF = ["What colour is {r}?", "What is the colour of {r}?", "Which colour is {r}?", "Which colour does {r} have?",
             "Tell me the colour of {r}.", "Name the colour of {r}.", "{R} is what colour?", "What's the colour of {r}?",
             "Can you tell me what colour {r} is?", "What colour does {r} have?", "Colour of {r}?", "Say the colour of {r}.",
             "Do you know the colour of {r}?", "What colour has {r}?", "Say which colour {r} is.", "Look at {r}. What colour is it?",
             "I want to know the colour of {r}.", "{R}: which colour?"]
SHAPE_OF = ["What shape is {r}?", "Which shape is {r}?", "What is the shape of {r}?", "What kind of shape is {r}?", "What is {r}?",
            "Tell me the shape of {r}.", "Name the shape of {r}.", "What shape does {r} have?", "What's {r}?", "Which shape does {r} have?",
            "Can you tell me what shape {r} is?", "{R} is what shape?", "Say what shape {r} is.", "Shape of {r}?", "What form does {r} have?",
            "Look at {r}. What shape is it?"]
SHAPE_BY_COLOUR = ["Which shape is {c}?", "What is {c}?", "What is {c} in the picture?", "What {c} shape is there?", "What's {c} here?",
                   "Which {c} shape do you see?", "Which object is {c}?", "What thing is {c}?"]
WHERE = ["Where is {r}?", "Where's {r}?", "Where can I find {r}?", "Where do you see {r}?", "Where in the picture is {r}?",
         "In which part of the picture is {r}?", "Tell me where {r} is.", "What is the position of {r}?", "Say where {r} is.",
         "Whereabouts is {r}?", "Where does {r} stand?", "{R} is where?", "Where is {r} in the picture?", "Which corner or side is {r} at?",
         "Describe where {r} is.", "On which side is {r}?", "Where is {r} located?"]
BOX = ["Give the box of {r}.", "Locate {r}.", "Give the bounding box of {r}.", "Output the bounding box of {r} in JSON.", "Detect {r}.",
       "Draw a box around {r}.", "Find {r} and return its coordinates.", "Find {r}.", "Give me the coordinates of {r}.", "Box for {r}?",
       "What is the bounding box of {r}?", "Ground {r}.", "Return the bbox of {r}.", "Where is {r}? Answer with a box.", "Mark {r} with a box.",
       "Locate {r} and output its bbox coordinates in JSON format.", "Show me {r} with a bounding box.", "Point out {r} with a box.",
       "bbox of {r}", "Please provide the bounding box coordinate of {r}."]
NUMBER = ["What number is this?", "Which number is written here?", "What number do you see?", "What is the number?", "Read the number.",
          "Which number is in the picture?", "What number is shown?", "What does it say?", "What is written in the picture?", "Read it.",
          "Tell me the number.", "What's the number?", "Which number can you read?", "What number does the picture show?", "What digits are there?",
          "Can you read the number?", "Which digits do you see?", "What number is printed here?", "Read the digits.", "What is written here?",
          "What do you read?", "Number?"]
DESCRIBE = ["Describe the picture.", "What do you see?", "What is in the picture?", "What's in this picture?", "Describe this.", "What is this?",
            "Describe this image.", "What does the picture show?", "Tell me what you see.", "What can you see?", "List everything in the picture.",
            "What is there?", "What is it?", "Which things are in the picture?", "What shapes do you see?", "What's this?", "What is on the picture?",
            "Describe what you see.", "Please describe the image.", "What is shown here?", "What can you tell me about this picture?",
            "Give a description.", "What have we here?", "What shapes are there?", "Which shapes are in the picture?", "Explain the picture.", "caption this"]
COUNT = ["How many {p} are there?", "How many {p} do you see?", "Count the {p}.", "How many {p} are in the picture?", "What is the number of {p}?",
         "How many {p}?", "How many {p} can you see?", "Tell me how many {p} there are.", "How many {p} does the picture show?", "Number of {p}?",
         "Can you count the {p}?", "Count all {p}.", "What's the count of {p}?", "How many {p} can you count?", "Say how many {p} you see.",
         "how many {p} r there", "Please count the {p}."]
IS_THERE = ["Is there {a}?", "Do you see {a}?", "Can you see {a}?", "Does the picture show {a}?", "Is {a} in the picture?", "Is there {a} in the picture?",
            "Does the picture contain {a}?", "Is {a} there?", "Do you find {a}?", "Does the image have {a}?", "{A}, is there one?",
            "Tell me if there is {a}.", "Is {a} anywhere?", "Have you found {a}?", "Check whether there is {a}.", "Is there {a} here?"]
IS_PROPERTY = ["Is {r} {x}?", "Would you say {r} is {x}?", "Is it true that {r} is {x}?", "{R} is {x}, right?", "Is {r} really {x}?", "Am I right that {r} is {x}?",
               "{R} is {x}. Correct?"]
WHICH_SIZE = ["Which is {w}, {a} or {b}?", "What is {w}: {a} or {b}?", "Is {a} or {b} {w}?", "Which one is {w}, {a} or {b}?", "{A} or {b}: which is {w}?",
              "Tell me which is {w}, {a} or {b}.", "Of {a} and {b}, which is {w}?", "Who is {w}, {a} or {b}?", "Compare {a} and {b}: which is {w}?"]
MOST = ["Which shape is the {w}?", "What is the {w} shape?", "Which is the {w} shape?", "What is the {w} thing?", "Name the {w} shape.", "Which one is {w}?",
        "What's the {w} object?", "Tell me the {w} shape.", "Which thing is the {w}?", "{W} shape?"]
COLOURS_SEEN = ["Which colours do you see?", "What colours are there?", "Which colours are in the picture?", "Name the colours.", "List the colours.",
                "What colours do the shapes have?", "What are the colours of the shapes?", "Tell me the colours."]
HAS = ["Which picture has {a}?", "Which picture shows {a}?", "In which picture is {a}?", "Where is {a}, in the first or the second picture?", "Which image contains {a}?",
       "Which one has {a}?", "Which of the two pictures shows {a}?", "In which image do you see {a}?", "Which of them has {a}?", "{A} is in which picture?",
       "Tell me which picture has {a}.", "Does the first or the second picture show {a}?", "What picture has {a}?", "Find the picture with {a}.", "Which picture is the one with {a}?"]
MORE = ["Which picture has {w} shapes?", "Which picture shows {w} shapes?", "In which picture are there {w} shapes?", "Which image has {w} shapes?", "Which one has {w} shapes?",
        "Which of the two has {w} shapes?", "Where are there {w} shapes, in the first or the second picture?", "Which picture has {w} things in it?"]
AND_COLOUR = ["And what colour is it?", "What colour is it?", "And its colour?", "Which colour does it have?", "What is its colour?", "and the colour?", "What colour?",
              "And which colour is it?", "Tell me its colour.", "and what colour", "What's its colour?", "What colour does it have?", "Okay, and its colour?", "Which colour?", "So what colour is it?"]
AND_SHAPE = ["And what shape is it?", "What shape is it?", "And its shape?", "Which shape is it?", "What is its shape?", "What shape does it have?", "And the shape?",
             "What is it?", "And what is it?", "Tell me its shape.", "and what shape", "What's its shape?", "What kind of shape is it?", "Which shape?", "So what shape is it?"]
AND_WHERE = ["And where is it?", "Where is it?", "Where?", "And where?", "Where in the picture is it?", "Tell me where it is.", "What is its position?", "And its position?",
             "where's it", "Where can I find it?", "On which side is it?", "And where exactly is it?", "Okay, where is it?", "Where do you see it?", "So where is it?"]
AND_BOX = ["Give its box.", "And its bounding box?", "Draw a box around it.", "Locate it.", "Give me its coordinates.", "Now its bounding box.", "Output its bounding box in JSON.",
           "And the box?", "Find it.", "Detect it.", "Mark it with a box.", "bbox please"]
AND_IS = ["Is it {x}?", "And is it {x}?", "So it is {x}?", "Would you say it is {x}?", "It is {x}, right?"]
AND_OTHER = ["And {r}?", "What about {r}?", "How about {r}?", "and {r}", "Now {r}.", "And what about {r}?", "The same for {r}?"]

OFF = """Who are you?|What are you?|Hello|Hi|Hey|Hi there!|Good morning|Good evening|How are you?|What can you do?|Help|What is your name?|Who made you?|Are you a robot?|Are you ChatGPT?
Tell me a joke.|Write a poem about the sea.|Write a Python function that sorts a list.|How do I cook pasta?|Give me a recipe for pancakes.|What is the weather like today?|Will it rain tomorrow?
What is the capital of France?|Who is the president?|Who won the world cup?|Translate this into German.|Translate hello to Spanish.|What is 2 plus 2?|What is 12 times 7?|Solve x squared equals 9.
How old are you?|Do you speak French?|What time is it?|What day is today?|Tell me a story.|Sing a song.|What is the meaning of life?|Recommend a good film.|What should I eat tonight?
How do I learn to code?|Explain quantum physics.|What is a neural network?|Write an email to my boss.|Summarise this article.|What's the news?|Play some music.|Set an alarm.|Book a flight to London.
Who wrote Hamlet?|How far is the moon?|How tall is Mount Everest?|What is the best phone?|Do you love me?|Can you help me with my homework?|What is photosynthesis?|How do planes fly?
Is there a dog in the picture?|Is this a cat?|What breed is the dog?|Who is the person in the photo?|Is the woman smiling?|What brand is the car?|How many people are there?|How many cats do you see?
What is the man doing?|What is he wearing?|Where was this photo taken?|What food is this?|Is it day or night?|Is this a mug?|What plant is this?|Read the newspaper.|What animal is this?|Where is the dog?
Where is the car?|Where is the cup?|What colour is the car?|What colour is the dog?|What colour are her eyes?|Which city is this?|What is the price?|What does the sign say?|Who painted this?|What kind of tree is it?
Thanks|Thank you!|Thanks a lot|Bye|Goodbye|OK|Cool|Nice|Wow|Great|lol|test|asdf|qwerty|Why?|Really?|I am bored.|I like you.|You are wrong.|Tell me more about yourself.|What model are you?|How big are you?
What can I ask you?|What do you know?|Can you see?|How do you work?|Are you a human?|What is Galago?|What are your skills?|What can this model do?|Introduce yourself.|What should I do now?|Can you hear me?
Calculate the square root of 16.|How many days has a year?|How many planets are there?|What is the tallest building?|When was the war?|Who invented the telephone?|Give me some advice.|Write a haiku.|Fix my code.
What is the stock price?|How do I tie a tie?|What is love?|Do my taxes.|Plan a trip to Rome.|Suggest a name for my cat.|Explain the rules of chess.|Is God real?|What is a black hole?|How hot is the sun?""".replace("\n", "|").split("|")
OFF_VERBS = ["Tell me about", "What is", "Explain", "Write about", "What do you think about", "How does one make", "Give me facts about", "Where can I buy", "Who invented", "Talk about",
             "Why do people like", "How much costs", "Is there", "Do you like", "How do I fix", "Where is", "What colour is", "Do you see"]
OFF_NOUNS = ["the weather", "football", "a cake", "bread", "dogs", "a cat", "the internet", "a bicycle", "my car", "coffee", "the moon", "Paris", "politics", "music", "a computer", "Linux",
             "the economy", "pizza", "love", "a guitar", "the ocean", "history", "a house", "my phone", "flowers", "a bird", "the elephant", "soup", "a table", "the chair", "money", "work", "a train",
             "the man", "the woman", "a tree", "shoes", "the kitchen", "a window", "mountains", "robots", "a bottle", "the banana", "an apple", "a book", "children", "the newspaper"]


# ---------------------------------------------------------------- small language helpers
def a(name: str) -> str:
    return ("an " if name[0] in "aeiou" else "a ") + name


def cap(s: str) -> str:
    return s[0].upper() + s[1:]


def plural(noun: str) -> str:
    return noun + "s"


def listed(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else ", ".join(parts[:-1]) + " and " + parts[-1]


def counted(n: int, noun: str) -> str:
    if n == 0:
        return f"There are no {plural(noun)}."
    return f"There is 1 {noun}." if n == 1 else f"There are {n} {plural(noun)}."


PLACES = {(0, 0): "at the top left", (0, 1): "at the top", (0, 2): "at the top right", (1, 0): "on the left", (1, 1): "in the middle",
          (1, 2): "on the right", (2, 0): "at the bottom left", (2, 1): "at the bottom", (2, 2): "at the bottom right"}
PLACE_WORDS = ["top", "bottom", "left", "right", "middle"]


def third(v: float) -> int:
    return 0 if v < 1 / 3 else 1 if v < 2 / 3 else 2


def clear_place(x: float, y: float, margin: float) -> bool:
    return all(abs(v - e) >= margin for v in (x, y) for e in (1 / 3, 2 / 3))


def place(x: float, y: float) -> str:
    return PLACES[third(y), third(x)]


def place_expect(where: str) -> dict:
    return {"words": [w for w in PLACE_WORDS if w in where.split()], "among": PLACE_WORDS}


def box_text(box, label: str) -> str:
    return "{" + f'"bbox_2d": [{", ".join(str(v) for v in box)}], "label": "{label}"' + "}"


def box_numbers(box) -> list[int]:
    """Fractions -> 0..1000 in steps of 5: fine enough for the eye, and the last digit is easy to learn."""
    return [int(round(min(max(v, 0.0), 1.0) * 200)) * 5 for v in box]


def wording(rng, templates: list[str], plain: bool = False, **words: str) -> str:
    words.update({k.upper(): cap(v) for k, v in words.items()})
    text = templates[rng.integers(len(templates))].format(**words)
    if rng.random() < 0.4:
        text = text.replace("colour", "color").replace("Colour", "Color")
    if "picture" in text and rng.random() < 0.3:
        text = text.replace("picture", "image" if rng.random() < 0.7 else "photo")
    if plain:
        return text
    if rng.random() < 0.45:
        text = text[0].lower() + text[1:]
    if rng.random() < 0.3:
        text = text.rstrip("?.")
    if rng.random() < 0.05:
        text = ("Please " + text[0].lower() + text[1:]) if rng.random() < 0.5 else text.rstrip("?.") + ", please"
    if rng.random() < 0.02 and len(text) > 6:
        i = int(rng.integers(1, len(text) - 2))
        text = text[:i] + text[i + 1] + text[i] + text[i + 2:]
    return text


class Asker:
    """Asks about one scene. margin: how far from a border line a place must be to be asked for."""

    def __init__(self, rng: np.random.Generator, scene: Scene, margin: float = 0.015, suffix: str = "", simple: bool = False):
        self.simple = simple
        self.rng, self.s, self.margin, self.suffix = rng, scene, margin, suffix
        self.things = scene.things
        self.by_shape, self.by_colour, self.by_name = {}, {}, {}
        for t in self.things:
            self.by_shape.setdefault(t.shape_name, []).append(t)
            self.by_colour.setdefault(t.colour_name, []).append(t)
            self.by_name.setdefault(t.name, []).append(t)

    # --- references
    def pick(self, items):
        return items[int(self.rng.integers(len(items)))]

    def any_thing(self):
        return self.pick(["shape", "shape", "thing", "object", "one"])

    def place_unique(self, t: Thing) -> bool:
        return clear_place(*t.centre, max(self.margin, 0.02)) and all(o is t or place(*o.centre) != place(*t.centre) for o in self.things)

    def size_word(self, t: Thing) -> str | None:
        others = [o.area for o in self.things if o is not t]
        if not others:
            return None
        if all(t.area > 1.35 * o for o in others):
            return self.pick(["biggest", "largest"])
        if all(t.area * 1.35 < o for o in others):
            return self.pick(["smallest", "smallest", "tiniest"])
        return None

    def refer(self, t: Thing, hide: str = "") -> str | None:
        """A phrase that means exactly this thing, without giving away hide ("colour", "shape" or "place")."""
        options = []
        shape, colour = hide != "shape", hide != "colour"
        if shape and len(self.by_shape[t.shape_name]) == 1:
            options += ["the " + t.shape_name] * 5
        if colour and len(self.by_colour[t.colour_name]) == 1:
            options += [f"the {t.colour_name} {self.any_thing()}"] * 3
        if shape and colour and len(self.by_name[t.name]) == 1:
            options += ["the " + t.name] * 4
        if hide in ("colour", "shape"):
            if self.place_unique(t):
                noun = t.shape_name if shape and self.rng.random() < 0.3 else self.pick(["shape", "thing", "object", "one"])
                options += [f"the {noun} {place(*t.centre)}"] * 2
            w = self.size_word(t)
            if w:
                options += [f"the {w} {self.any_thing()}"]
        if len(self.things) == 1:
            options += [self.pick(["the shape", "the object", "the thing", "it", "this shape", "this"])] * 3
        return self.pick(options) if options else None

    def answer_ref(self, r: str) -> str:
        """What the answer repeats: short references as they are, long ones become "it"."""
        return r if r.split()[-1] in SHAPES and " at " not in r else "it"

    def w(self, templates, **words) -> str:
        return wording(self.rng, templates, **words)

    # --- kinds; each gives a Turn or None
    def colour(self):
        if not self.things:
            return None
        t = self.pick(self.things)
        r = self.refer(t, "colour")
        if not r:
            return None
        r += self.suffix
        return Turn(self.w(COLOUR_OF, r=r), f"{cap(self.answer_ref(r.removesuffix(self.suffix)))} is {t.colour_name}.", "colour", {"word": t.colour_name, "among": COLOURS}, t)

    def shape(self):
        if not self.things:
            return None
        t = self.pick(self.things)
        if len(self.by_colour[t.colour_name]) == 1 and self.rng.random() < 0.35 and not self.suffix:
            q = self.w(SHAPE_BY_COLOUR, c=t.colour_name)
        else:
            r = self.refer(t, "shape")
            if not r or r in ("it", "this"):
                return None
            q = self.w(SHAPE_OF, r=r + self.suffix)
        return Turn(q, f"It is {a(t.shape_name)}.", "shape", {"word": t.shape_name, "among": SHAPES}, t)

    def where(self):
        if not self.things:
            return None
        t = self.pick(self.things)
        r = self.refer(t, "place")
        if not r or not clear_place(*t.centre, self.margin):
            return None
        w = place(*t.centre)
        return Turn(self.w(WHERE, r=r + self.suffix), f"{cap(self.answer_ref(r))} is {w}.", "where", place_expect(w), t)

    def box(self):
        if self.s.number_box and (not self.things or self.rng.random() < 0.3):
            b = box_numbers(self.s.number_box)
            return Turn(self.w(BOX, r="the number" + self.suffix), f"[{box_text(b, 'number')}]", "box", {"box": b})
        if not self.things:
            return None
        t = self.pick(self.things)
        r = self.refer(t, "place")
        if not r or r in ("it", "this"):
            return None
        b = box_numbers(t.box)
        return Turn(self.w(BOX, r=r + self.suffix), f"[{box_text(b, t.name)}]", "box", {"box": b}, t)

    def boxes(self):
        if not 1 <= len(self.things) <= 3 or self.suffix:
            return None
        all_of = self.pick(["all shapes", "every shape", "all objects", "the shapes", "everything"])
        text = "[" + ", ".join(box_text(box_numbers(t.box), t.name) for t in self.things) + "]"
        return Turn(self.w(BOX, r=all_of), text, "boxes", {})

    def number(self):
        if not self.s.number:
            if self.rng.random() < 0.15:
                return Turn(self.w(NUMBER), "There is no number in the picture.", "no_number", {})
            return None
        q = self.w(NUMBER) if not self.suffix else self.w(["What number is{s}?", "Read the number{s}.", "Which number do you see{s}?", "What is the number{s}?"], s=self.suffix)
        return Turn(q, f"The number is {self.s.number}.", "number", {"number": self.s.number})

    def contents(self) -> str:
        parts = [a(t.name) for t in self.things]
        if self.s.number:
            parts.append("the number " + self.s.number)
        return listed(parts) if parts else "nothing but a background"

    def describe(self):
        if self.suffix:
            q = self.w(["What do you see{s}?", "What is{s}?", "Describe what is{s}.", "What can you see{s}?", "Which shapes are{s}?"], s=self.suffix)
        else:
            q = self.w(DESCRIBE)
        expect = {"things": [t.name for t in self.things]}
        if self.s.number:
            expect["number"] = self.s.number
        return Turn(q, f"The picture shows {self.contents()}.", "describe", expect, self.things[0] if len(self.things) == 1 and not self.s.number else None)

    def colours(self):
        if not self.things or self.suffix:
            return None
        seen = list(dict.fromkeys(t.colour_name for t in self.things))
        return Turn(self.w(COLOURS_SEEN), f"The colours are {listed(seen)}." if len(seen) > 1 else f"The only colour is {seen[0]}.", "colours", {"words": seen, "among": COLOURS})

    def count(self):
        r = self.rng.random()
        t = self.pick(self.things) if self.things else None
        thing = None
        if r < 0.3 or t is None:
            noun, n = "shape", len(self.things)
            spoken = self.pick(["shape", "shape", "object", "thing"])
            if n == 1:
                thing = t
        elif r < 0.6:
            noun = t.shape_name if self.rng.random() < 0.8 else self.pick(SHAPES)
            n = len(self.by_shape.get(noun, []))
            spoken = noun
            thing = t if n == 1 and noun == t.shape_name else None
        elif r < 0.85:
            colour = t.colour_name if self.rng.random() < 0.8 else self.pick(COLOURS)
            noun, n = colour + " shape", len(self.by_colour.get(colour, []))
            spoken = colour + " " + self.pick(["shape", "shape", "object", "thing"])
            thing = t if n == 1 and colour == t.colour_name else None
        else:
            noun = t.name if self.rng.random() < 0.8 else self.pick(COLOURS) + " " + self.pick(SHAPES)
            n, spoken = len(self.by_name.get(noun, [])), noun
            thing = t if n == 1 and noun == t.name else None
        return Turn(self.w(COUNT, p=plural(spoken) + self.suffix), counted(n, noun), "count", {"count": n}, thing)

    def digits(self):
        if not self.s.number or self.suffix:
            return None
        n = len(self.s.number)
        return Turn(self.w(["How many digits does the number have?", "How many digits are there?", "Count the digits.", "How many digits?", "How long is the number?"]),
                    f"The number has {n} digit{'s' if n > 1 else ''}.", "digits", {"count": n})

    def yesno(self):
        rng = self.rng
        if self.s.number and rng.random() < 0.3 or rng.random() < 0.04:
            yes = bool(self.s.number)
            return Turn(self.w(IS_THERE, a="a number" + self.suffix), f"Yes, there is a number." if yes else "No, there is no number.", "yesno", {"yes": yes})
        t = self.pick(self.things) if self.things else None
        if t is not None and rng.random() < 0.3:
            r = self.refer(t, "colour")
            if r and r not in ("it", "this"):
                x = t.colour_name if rng.random() < 0.5 else self.pick([c for c in COLOURS if c != t.colour_name])
                yes = x == t.colour_name
                return Turn(self.w(IS_PROPERTY, r=r + self.suffix, x=x), f"{'Yes' if yes else 'No'}, {self.answer_ref(r)} is {t.colour_name}.", "yesno", {"yes": yes}, t)
        kind = rng.random()
        if kind < 0.4:
            name = self.pick(SHAPES) if t is None or rng.random() < 0.5 else t.shape_name
            found = self.by_shape.get(name, [])
        elif kind < 0.6:
            colour = self.pick(COLOURS) if t is None or rng.random() < 0.5 else t.colour_name
            found = self.by_colour.get(colour, [])
            name = colour + " shape"
        else:
            name = t.name if t is not None and rng.random() < 0.5 else self.mixed_name()
            found = self.by_name.get(name, [])
        spoken = name.replace("shape", self.pick(["shape", "shape", "thing", "object"]))
        if len(found) == 0:
            return Turn(self.w(IS_THERE, a=a(spoken) + self.suffix), f"No, there is no {name}.", "yesno", {"yes": False})
        said = a(name) if len(found) == 1 else f"{len(found)} {plural(name)}"
        return Turn(self.w(IS_THERE, a=a(spoken) + self.suffix), f"Yes, there {'is' if len(found) == 1 else 'are'} {said}.", "yesno", {"yes": True}, found[0] if len(found) == 1 else None)

    def mixed_name(self) -> str:
        """A colour and a shape that may each be there, but perhaps not together."""
        if len(self.things) > 1 and self.rng.random() < 0.7:
            return self.pick(self.things).colour_name + " " + self.pick(self.things).shape_name
        return self.pick(COLOURS) + " " + self.pick(SHAPES)

    def absent(self):
        """Asks for something that is not there, or not alone."""
        name = self.pick(SHAPES)
        if self.rng.random() < 0.4:
            name = self.pick(COLOURS) + " " + name
        if name in self.by_shape or name in self.by_name:
            found = self.by_shape.get(name) or self.by_name.get(name)
            if len(found) < 2 or name not in SHAPES:
                return None
            q = self.w(COLOUR_OF, r="the " + name + self.suffix)
            return Turn(q, f"There are {len(found)} {plural(name)}: {listed([a(t.name) for t in found])}.", "several", {})
        templates = self.pick([WHERE, BOX, COLOUR_OF] if " " not in name else [WHERE, BOX])
        return Turn(self.w(templates, r="the " + name + self.suffix), f"There is no {name}.", "absent", {"no": name})

    def compare(self):
        if len(self.things) < 2 or self.suffix:
            return None
        rng = self.rng
        i, j = rng.choice(len(self.things), 2, replace=False)
        t, o = self.things[i], self.things[j]
        rt, ro = self.refer(t, "place"), self.refer(o, "place")
        r = rng.random()
        if r < 0.25:
            big = max(self.things, key=lambda x: x.area)
            small = min(self.things, key=lambda x: x.area)
            for t, words in ((big, ("biggest", "largest")), (small, ("smallest", "tiniest"))) if rng.random() < 0.5 else ((small, ("smallest",)), (big, ("biggest", "largest"))):
                if self.size_word(t):
                    w = self.pick(words)
                    return Turn(self.w(MOST, w=w), f"The {words[0]} shape is the {t.name}.", "compare", {"things": [t.name]}, t)
            return None
        if not rt or not ro:
            return None
        if r < 0.5:
            if max(t.area, o.area) < 1.35 * min(t.area, o.area):
                return None
            bigger = rng.random() < 0.6
            win, rw = (t, rt) if (t.area > o.area) == bigger else (o, ro)
            lose, rl = (o, ro) if win is t else (t, rt)
            word = self.pick(["bigger", "bigger", "larger"]) if bigger else "smaller"
            key = "bigger" if bigger else "smaller"
            if rng.random() < 0.65:
                x, y = (rw, rl) if rng.random() < 0.5 else (rl, rw)
                return Turn(self.w(WHICH_SIZE, w=word, a=x, b=y), f"{cap(rw)} is {key}.", "compare", {"word": rw.removeprefix("the "), "among": [rw.removeprefix("the "), rl.removeprefix("the ")]}, win)
            yes = rng.random() < 0.5
            x, y, tx = (rw, rl, win) if yes else (rl, rw, lose)
            other = "smaller" if bigger else "bigger"
            return Turn(self.w(["Is {x} {w} than {y}?", "Would you say {x} is {w} than {y}?", "{X} is {w} than {y}, right?", "Is it true that {x} is {w} than {y}?"], x=x, y=y, w=word),
                        f"{'Yes' if yes else 'No'}, {x} is {key if yes else other}.", "compare", {"yes": yes}, tx)
        dx, dy = o.centre[0] - t.centre[0], o.centre[1] - t.centre[1]
        if rng.random() < 0.5:
            if abs(dx) < 0.12:
                return None
            true = "left of" if dx > 0 else "right of"
            words = ["left of", "right of"]
        else:
            if abs(dy) < 0.12:
                return None
            true = "above" if dy > 0 else "below"
            words = ["above", "below"]
        asked = self.pick(words)
        spoken = asked.replace("left of", self.pick(["left of", "to the left of"])).replace("right of", self.pick(["right of", "to the right of"])).replace("below", self.pick(["below", "below", "under"]))
        yes = asked == true
        return Turn(self.w(["Is {x} {w} {y}?", "Is {x} {w} {y} in the picture?", "Would you say {x} is {w} {y}?", "{X} is {w} {y}, right?", "Is it true that {x} is {w} {y}?"], x=rt, y=ro, w=spoken),
                    f"{'Yes' if yes else 'No'}, {rt} is {true} {ro}.", "compare", {"yes": yes}, t)

    def follow(self, before: Turn):
        """A question that needs the turn before it."""
        t, rng = before.thing, self.rng
        if t is None:
            return None
        told = before.q + " " + before.a
        options = []
        if t.colour_name not in told:
            options += ["colour"] * 4
        if t.shape_name not in told:
            options += ["shape"] * 4
        if before.kind != "where" and clear_place(*t.centre, self.margin):
            options += ["where"] * 3
        if before.kind not in ("box",):
            options += ["box"]
        options += ["is"]
        if before.kind in ("colour", "where") and len(self.things) > 1:
            options += ["other"] * 2
        kind = self.pick(options)
        if kind == "colour":
            return Turn(self.w(AND_COLOUR), f"It is {t.colour_name}.", "second", {"word": t.colour_name, "among": COLOURS}, t)
        if kind == "shape":
            return Turn(self.w(AND_SHAPE), f"It is {a(t.shape_name)}.", "second", {"word": t.shape_name, "among": SHAPES}, t)
        if kind == "where":
            w = place(*t.centre)
            return Turn(self.w(AND_WHERE), f"It is {w}.", "second", place_expect(w), t)
        if kind == "box":
            b = box_numbers(t.box)
            return Turn(self.w(AND_BOX), f"[{box_text(b, t.name)}]", "box", {"box": b}, t)
        if kind == "is":
            x = t.colour_name if rng.random() < 0.5 else self.pick(COLOURS)
            yes = x == t.colour_name
            return Turn(self.w(AND_IS, x=x), f"{'Yes' if yes else 'No'}, it is {t.colour_name}.", "second", {"yes": yes}, t)
        o = self.pick([o for o in self.things if o is not t])
        if before.kind == "colour":
            r = self.refer(o, "colour")
            if not r:
                return None
            return Turn(self.w(AND_OTHER, r=r), f"{cap(self.answer_ref(r))} is {o.colour_name}.", "second", {"word": o.colour_name, "among": COLOURS}, o)
        r = self.refer(o, "place")
        if not r or not clear_place(*o.centre, self.margin):
            return None
        w = place(*o.centre)
        return Turn(self.w(AND_OTHER, r=r), f"{cap(self.answer_ref(r))} is {w}.", "second", place_expect(w), o)

    WEIGHTS = dict(colour=3, shape=3, where=3, box=3.6, boxes=0.25, number=5, describe=1.6, colours=0.3, count=14, digits=0.3, yesno=3.5, absent=0.5, compare=5)

    SIMPLE = dict(colour=4, shape=4, where=2, number=3, yesno=1)  # to learn to look things up first

    def ask(self, kind: str | None = None):
        """One question of a kind, or of a random kind; None if the scene has no such question."""
        if kind is None:
            weights = self.SIMPLE if self.simple else self.WEIGHTS
            names, p = list(weights), np.array(list(weights.values()))
            kind = names[self.rng.choice(len(names), p=p / p.sum())]
        return getattr(self, kind)()


def off_subject(rng) -> Turn:
    text = OFF[rng.integers(len(OFF))]
    if rng.random() < 0.4:
        text = OFF_VERBS[rng.integers(len(OFF_VERBS))] + " " + OFF_NOUNS[rng.integers(len(OFF_NOUNS))] + rng.choice(["?", "", "."])
    return Turn(wording(rng, [text.replace("{", "").replace("}", "")]), INTRO, "off", {"says": "demo model"})


def two_pictures(rng, one: Scene, two: Scene, margin: float = 0.015):
    """A question over two pictures."""
    scenes = [one, two]
    r = rng.random()
    names = ["first", "second"]
    if r < 0.5:
        name, having = None, []
        for _ in range(8):
            pool = one.things + two.things
            if not pool:
                break
            t = pool[rng.integers(len(pool))]
            name = str(rng.choice([t.shape_name, t.name, t.colour_name + " shape"]))
            has = lambda s: any(name in (o.shape_name, o.name, o.colour_name + " shape") for o in s.things)
            having = [i for i, s in enumerate(scenes) if has(s)]
            if len(having) == 1 or rng.random() < 0.15:
                break
        if name is None:
            return None
        if rng.random() < 0.06:
            name, having = SHAPES[rng.integers(len(SHAPES))], []
            having = [i for i, s in enumerate(scenes) if any(o.shape_name == name for o in s.things)]
        article = "the " + name if rng.random() < 0.5 and len(having) == 1 else a(name)
        q = wording(rng, HAS, a=article)
        if len(having) == 1:
            return Turn(q, f"The {names[having[0]]} picture shows {a(name)}.", "two_pictures", {"word": names[having[0]], "among": names})
        if len(having) == 2:
            return Turn(q, f"Both pictures show {a(name)}.", "two_pictures", {"word": "both", "among": ["both", *names]})
        return Turn(q, f"Neither picture shows {a(name)}.", "two_pictures", {"word": "neither", "among": ["neither", "both", *names]})
    if r < 0.65:
        n = [len(s.things) for s in scenes]
        if n[0] == n[1]:
            return None
        more = rng.random() < 0.6
        i = int((n[1] > n[0]) == more)
        return Turn(wording(rng, MORE, w="more" if more else "fewer"), f"The {names[i]} picture has {'more' if more else 'fewer'} shapes.", "two_pictures", {"word": names[i], "among": names})
    i = int(rng.integers(2))
    asker = Asker(rng, scenes[i], margin, suffix=f" in the {names[i]} picture")
    turn = asker.ask(str(rng.choice(["colour", "count", "number", "describe", "where", "yesno", "shape", "box"])))
    if turn is not None and turn.kind not in ("box", "describe"):
        turn.kind = "two_pictures" if turn.kind != "no_number" else turn.kind
    return turn


def conversation(rng, scenes: list[Scene], turns: int, margin: float = 0.015, simple: bool = False) -> list[Turn]:
    """A training conversation of about this many turns. No scene: nothing attached; two: both come first."""
    out: list[Turn] = []
    asker = Asker(rng, scenes[0], margin, simple=simple) if scenes else None
    while len(out) < turns:
        turn = None
        if not scenes:
            if rng.random() < 0.6:
                turn = off_subject(rng)
            else:
                from generate import layout
                turn = Asker(rng, layout(rng), margin).ask()
                if turn:
                    turn = Turn(turn.q, NO_PICTURE, "nothing", {"says": "no picture"})
        elif rng.random() < 0.05:
            turn = off_subject(rng)
        elif len(scenes) == 2:
            turn = two_pictures(rng, *scenes, margin)
        else:
            if out and not simple and rng.random() < 0.45:
                turn = asker.follow(out[-1])
            if turn is None:
                turn = asker.ask()
        if turn:
            out.append(turn)
    if scenes:
        out[0].shown = len(scenes)
    return out
