"""Are the explanations true? One long table of tests of every film's maps, by the network of the fold that tests it.

Columns: sample batch fold truth_celsius predicted_celsius map measure feature value area. A row is one test of one map
of one film. `map` is cam, cam_class or grad_cam, occlusion, occlusion_abs; with ":another" behind it (cam:another) the
row is the control: the same test of another film's map for the same target, so that what maps have in common because of
where they are strong, how coarse they are or which network made them, is in both. `area` is what a map without any
relation to the film scores (pointing, mass), empty elsewhere. A test that says nothing has no row: a map with a flag
(all zero, not finite), a feature that the film does not have or has everywhere, a correlation with a flat map.

    sample           batch       fold  truth  predicted  map                measure          feature     value   area
    MCV1-170324A-01  MCV1-170324    0    900        950  cam                pointing         boundaries  1       0.31
    MCV1-170324A-01  MCV1-170324    0    900        950  cam:another        pointing         boundaries  0.3     0.31
    MCV1-170324A-01  MCV1-170324    0    900        950  occlusion          mass             islands     0.21    0.17
    MCV1-170324A-01  MCV1-170324    0    900        950  occlusion          deletion                     0.44
    MCV1-170324A-01  MCV1-170324    0    900        950  cam_class          randomised_head              0.08
    MCV1-170324A-01  MCV1-170324    0    900        950  cam_class          randomised_head  unsigned    0.51
    MCV1-170324A-01  MCV1-170324    0    900        950  cam_class          agreement        occlusion   0.35

What each measure can and cannot show, and the control:

| measure         | value                                                  | module        | a true map    | features       |
|-----------------|--------------------------------------------------------|---------------|---------------|----------------|
| pointing        | whether the map's largest value lies on the feature    | pointing.py   | above control | truth.FEATURES |
| mass            | share of the map's positive part on the feature        | pointing.py   | above control | truth.FEATURES |
| deletion        | mean evidence while the map's pixels go, largest first | curves.py     | below control | none           |
| insertion       | mean evidence while they come, largest first           | curves.py     | above control | none           |
| randomised_head | rank correlation with the map of a head drawn anew     | randomised.py | near control  | none, unsigned |
| randomised_all  | the same of a whole network drawn anew                 | randomised.py | near control  | none, unsigned |
| agreement       | rank correlation of the CAM with the occlusion map     | alike.py      | above control | occlusion ...  |

Pointing and mass ask whether a network looks at what a film has, not whether it should: nobody knows which features
tell the temperature. So a value at the control is no fault of the map; and one above it says where the network looks,
on average over films, not why. They cannot find what is finer than the map (a CAM of 3 x 3 values, windows of 8 pixels)
other than by its density, they find no small effect, and what lies beside a feature is taken for it.
Deletion and insertion ask whether the map ranks pixels as the network uses them; pictures with pixels hidden are like
none that it was trained on. Randomised maps ask whether the map depends on what was learnt. Agreement asks whether two
explanations that are computed in different ways say the same; two can be wrong together.
Films of one batch are alike and all films of a fold share one network: intervals are to be drawn over batches
(results.scores), and say nothing of networks that were trained otherwise.
"""
