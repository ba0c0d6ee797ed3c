"""What a model card says that no figure decides."""

USES = """
## Intended use

Showing people how their own face looks to a machine, teaching, research on expression recognition, and as a base
to build on. Someone decides to use it on their own face or with the consent of those shown. The answer says how a
face *looks* in one picture; it does not say what a person feels, means or will do.

## Not for

- **Work and education**: inferring the emotions of people there is prohibited in the European Union (AI Act,
  Regulation (EU) 2024/1689, Article 5(1)(f)), except for medical or safety reasons, for which this model is not
  made either.
- Decisions about people of any kind: hiring, credit, insurance, policing, border control, lie detection, grading.
- Diagnosis or monitoring of health.
- Watching people who do not know of it. Where emotion recognition is permitted, Article 50(3) of the AI Act asks
  that the people exposed are told.
"""

FER2013_DATA = """
## Data

FER-2013 (Goodfellow et al. 2013, *Challenges in Representation Learning*): grey 48x48 faces from web image search,
in its official splits. Training taught the network, PublicTest chose the epoch and fitted the calibration
and the plausibility threshold, PrivateTest is only measured (`training/EXPERIMENTS.md` says when).

The labels are noisy: people reach about 65 ± 5 % on them (same paper), some pictures show no face, and classes are
far from balanced (disgust is rarest by far). An accuracy a little above people's therefore
says that the model has learnt this data set's habits, not that it reads faces better than people do. Who is in the
pictures is not documented (age, sex, skin, origin), so neither is how fairly the model treats them.
"""

FER2013_LIMITS = """
## Limits

- One frontal face that fills the crop; profiles, masks, hands and small or dark faces are not what it was taught.
- Classes that people confuse, it confuses: fear, sad, angry and neutral. See the confusion matrix.
- Many of the data's pictures are stock photos with acted expressions: everyday ones are subtler.
- Calibration and the plausible labels hold for pictures like FER-2013's, and no others.
- A heatmap shows roughly what raised one class's score (Grad-CAM); it explains the network, not the face.
"""

OTHER_LIMITS = """
## Limits

- What it has learned is its data's habit of giving these labels; how well people agree on them is not known here.
- Every picture is turned grey, made square by repeating its edges, and brought to 48x48: what differs in colour or in
  fine detail alone looks the same to it.
- It was taught that mirror images are alike, so it cannot tell left from right.
- It knows its labels only: a picture of something else gets one of them.
- Calibration and the plausible labels hold for pictures like its data's, and no others.
- A heatmap shows roughly what raised one class's score (Grad-CAM); it explains the network, not the picture.
"""
